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
    /// People open the example app, each in a browser of this kind, which is a device as well.
    Browse(&'static [(&'static str, &'static str)]),
    /// A device does what it is told.
    Tell(&'static str, &'static str),
    /// Several do at the same time what they are told.
    Together(&'static [(&'static str, &'static str)]),
    /// A person edits a file of tasks: the first text becomes the second.
    Edit(&'static str, [&'static str; 2]),
    /// A device answers a question with a line like this, soon.
    Shows(&'static str, &'static str, &'static str),
    /// A folder's tasks say all of this, soon.
    Holds(&'static str, &'static [&'static str]),
    /// A folder's tasks do not say this any more, soon.
    Lacks(&'static str, &'static str),
    /// Both folders and all devices have the same tasks, soon, field by field; but for what stays at home.
    Equal,
}

use Move::{Begin, Browse, Edit, Equal, Holds, Kill, Lacks, Serve, Shows, Tell, Together};

/// What is played, in order.
pub(super) const SCENES: &[Scene] = &[
    Scene {
        title: "The hub is served: two devices show the tasks of both folders",
        moves: &[Serve, Begin("phone"), Begin("laptop"), Equal],
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
            Holds("personal", &["\"loggedMinutes\": 200"]),
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
            Holds("business", &["\"loggedMinutes\": 225"]),
        ],
    },
    Scene {
        title: "The phone comes back: nothing is lost, and all are equal",
        moves: &[
            Tell("phone", "online"),
            Tell("phone", "sync"),
            Shows("phone", "show task-poster", "\"loggedMinutes\":250"),
            Shows("laptop", "show task-poster", "Draw the fair poster, in blue"),
            Holds("personal", &["Rent a van for the fair"]),
            Equal,
        ],
    },
];

/// What is played where there are browsers, after all else.
pub(super) const SCENES_BROWSED: &[Scene] = &[
    Scene {
        title: "Three browsers open the board, which shows the same tasks",
        moves: &[
            Browse(&[("mara", "Chromium"), ("jo", "Chromium"), ("kim", "Firefox")]),
            Shows("mara", "show task-poster", "sent: Draw the fair poster, in blue"),
            Tell("kim", "type task-poster Paper:"),
            Shows("jo", "show task-poster", "| Paper:"),
            Equal,
        ],
    },
    Scene {
        title: "The network is cut to all three, the phone is offline; everybody edits at once",
        moves: &[
            Together(&[("mara", "cut"), ("jo", "cut"), ("kim", "cut"), ("phone", "offline")]),
            Together(&[
                ("mara", "rename task-poster Paint the fair poster"),
                ("jo", "rename task-poster Print the fair poster"),
                ("kim", "add Call the printer"),
                ("phone", "log task-poster 10"),
                ("laptop", "log task-poster 5"),
            ]),
            Together(&[
                ("mara", "type task-poster  white,"),
                ("jo", "type task-poster  matte,"),
                ("kim", "type task-poster  large,"),
                ("phone", "add task-frames Order ten frames"),
                ("laptop", "del task-visa"),
            ]),
            Edit("business", ["Order 350 g cotton paper", "Order 400 g cotton paper"]),
            Edit("personal", ["Rent a van for the fair", "Borrow a van for the fair"]),
            Tell("jo", "move task-stock done"),
            Shows("mara", "show task-poster", "pending: Paint the fair poster | Paper: white,"),
        ],
    },
    Scene {
        title: "It comes back: one task has two titles, a dialog settles that, and all are equal",
        moves: &[
            Together(&[
                ("mara", "restore"),
                ("jo", "restore"),
                ("kim", "restore"),
                ("phone", "online"),
                ("laptop", "log task-poster 15"),
            ]),
            Shows("mara", "show task-poster", "in conflict: "),
            Shows("jo", "show task-poster", "in conflict: "),
            Tell("mara", "decide mine"),
            Together(&[
                ("mara", "sync"),
                ("jo", "sync"),
                ("kim", "sync"),
                ("phone", "sync"),
                ("laptop", "sync"),
            ]),
            Shows("kim", "show task-poster", "sent: Paint the fair poster | Paper:"),
            Shows("laptop", "show task-poster", "\"loggedMinutes\":280"),
            Holds(
                "business",
                &["white,", "matte,", "large,", "Call the printer", "Order ten frames"],
            ),
            Holds(
                "personal",
                &["Order 400 g cotton paper", "Borrow a van", "\"column\": \"done\""],
            ),
            Lacks("personal", "task-visa"),
            Equal,
        ],
    },
];
