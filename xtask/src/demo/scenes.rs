//! What happens while a hub is served, as data: devices, folders, and the hub itself.

/// One scene.
pub(super) struct Scene {
    /// What the person watching learns here.
    pub(super) title: &'static str,
    /// What is done, in order.
    pub(super) moves: &'static [Move],
}

/// One thing that is done, or has to come about.
pub(super) enum Move {
    /// The hub is started, with the folders.
    Serve,
    /// The hub is killed: nobody is told, nothing is tidied up.
    Kill,
    /// A device begins.
    Begin(&'static str),
    /// A browser opens the example app, and is a device as well.
    Browse(&'static str),
    /// A device does what it is told.
    Tell(&'static str, &'static str),
    /// A person edits a file of tasks: the first text becomes the second.
    Edit(&'static str, [&'static str; 2]),
    /// A device answers a question with a line like this, soon.
    Shows(&'static str, &'static str, &'static str),
    /// A folder's tasks say this, soon.
    Holds(&'static str, &'static str),
    /// A folder's tasks do not say this any more, soon.
    Lacks(&'static str, &'static str),
}

use Move::{Begin, Browse, Edit, Holds, Kill, Lacks, Serve, Shows, Tell};

/// Everybody holds the same tasks; the folder at home has two more, which stay there.
const EQUAL: [&str; 2] = ["6 equal, 0 different, 0 only in", "6 equal, 0 different, 1 only in"];
const AT_WORK: &str = "compare data/business/tasks.json";
const AT_HOME: &str = "compare data/personal/tasks.json";

/// What is played, in order.
pub(super) const SCENES: &[Scene] = &[
    Scene {
        title: "The hub is served: two devices show the tasks of both folders",
        moves: &[
            Serve,
            Begin("phone"),
            Begin("laptop"),
            Shows("phone", AT_WORK, EQUAL[0]),
            Shows("laptop", AT_HOME, EQUAL[1]),
        ],
    },
    Scene {
        title: "The phone is offline; everybody edits",
        moves: &[
            Tell("phone", "offline"),
            Tell("phone", "log task-poster 25"),
            Tell("phone", "set task-poster title Draw the fair poster, in blue"),
            Tell("phone", "add task-van Rent a van for the fair"),
            Tell("laptop", "log task-poster 5"),
            Tell("laptop", "del task-newsletter"),
            Holds("personal", "\"loggedMinutes\": 200"),
            Lacks("business", "task-newsletter"),
            Edit("personal", ["\"loggedMinutes\": 200", "\"loggedMinutes\": 210"]),
            Edit("business", ["Order 300 g cotton paper", "Order 350 g cotton paper"]),
            Shows("laptop", "show task-poster", "\"loggedMinutes\":210"),
            Shows("laptop", "show task-stock", "Order 350 g cotton paper"),
            Shows("phone", "show task-poster", "\"loggedMinutes\":220"),
        ],
    },
    Scene {
        title: "The hub is killed; the laptop goes on, and the hub starts again",
        moves: &[
            Kill,
            Tell("laptop", "log task-poster 15"),
            Shows("laptop", "show task-poster", "\"loggedMinutes\":225"),
            Serve,
            Holds("business", "\"loggedMinutes\": 225"),
        ],
    },
    Scene {
        title: "The phone comes back: nothing is lost, and all are equal",
        moves: &[
            Tell("phone", "online"),
            Tell("phone", "sync"),
            Shows("phone", "show task-poster", "\"loggedMinutes\":250"),
            Shows("laptop", "show task-poster", "Draw the fair poster, in blue"),
            Holds("personal", "Rent a van for the fair"),
            Shows("laptop", AT_WORK, EQUAL[0]),
            Shows("phone", AT_WORK, EQUAL[0]),
            Shows("phone", AT_HOME, EQUAL[1]),
        ],
    },
];

/// What is played where there is a browser, after all else.
pub(super) const SCENES_BROWSED: &[Scene] = &[
    Scene {
        title: "A browser opens the board, which shows the same tasks, and goes offline",
        moves: &[
            Browse("browser"),
            Tell("browser", "sync"),
            Shows("browser", "show task-poster", "sent: Draw the fair poster, in blue"),
            Tell("browser", "offline"),
            Tell("browser", "rename task-poster Paint the fair poster"),
            Shows("browser", "show task-poster", "pending: Paint the fair poster"),
            Tell("laptop", "set task-poster title Print the fair poster"),
            Holds("business", "Print the fair poster"),
        ],
    },
    Scene {
        title: "It comes back: one task has two titles, and its dialog settles that for all",
        moves: &[
            Tell("browser", "online"),
            Shows("browser", "show task-poster", "(in conflict)"),
            Tell("browser", "decide mine"),
            Tell("browser", "sync"),
            Shows("laptop", "show task-poster", "Paint the fair poster"),
            Shows("phone", "show task-poster", "Paint the fair poster"),
            Holds("personal", "Paint the fair poster"),
            Holds("business", "Paint the fair poster"),
            Edit("business", ["Order 350 g cotton paper", "Order 400 g cotton paper"]),
            Shows("browser", "show task-stock", "sent: Order 400 g cotton paper"),
            Shows("laptop", AT_WORK, EQUAL[0]),
            Shows("phone", AT_HOME, EQUAL[1]),
        ],
    },
];
