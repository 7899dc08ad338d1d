//! The words that records are made of. All names are invented; telephone numbers and mail
//! domains are from the ranges reserved for fiction and documentation.

pub(super) const GIVEN_NAMES: &[&str] = &[
    "Aïcha", "Amara", "Ben", "Bruna", "Chidi", "Clara", "Daniel", "Dóra", "Elif", "Emma", "Farid",
    "Freya", "Giulia", "Hana", "Hugo", "Ines", "Ivan", "Jonas", "José", "Kaja", "Kofi", "Leila",
    "Łukasz", "Mei", "Miguel", "Nadia", "Noah", "Oksana", "Olu", "Paula", "Priya", "Quentin",
    "Rosa", "Søren", "Sofia", "Tariq", "Tomáš", "Ugo", "Vera", "Wanjiru", "Yuki", "Zoë",
];

pub(super) const FAMILY_NAMES: &[&str] = &[
    "Abara",
    "Adeyemi",
    "Almeida",
    "Bauer",
    "Bélanger",
    "Castillo",
    "Çelik",
    "Danso",
    "Dubois",
    "Eriksen",
    "Farkas",
    "Fischer",
    "García",
    "Haddad",
    "Ibrahim",
    "Jansen",
    "Kamau",
    "Kowalska",
    "Laurent",
    "Lindqvist",
    "Martin",
    "Moreau",
    "Müller",
    "Nakamura",
    "Novák",
    "O’Brien",
    "Okafor",
    "Ortiz",
    "Petrov",
    "Quist",
    "Rossi",
    "Santos",
    "Schmidt",
    "Silva",
    "Tanaka",
    "Þórsdóttir",
    "Ueda",
    "Vargas",
    "Weiß",
    "Xu",
    "Yılmaz",
    "Zieliński",
];

/// Names written in their own script; used now and then, so that every file holds some.
pub(super) const OTHER_NAMES: &[&str] =
    &["陳怡君", "Анна Коваленко", "محمد علي", "佐藤 健", "Ελένη Παππά", "김민준", "नीरज शर्मा"];

pub(super) const MAIL_DOMAINS: &[&str] =
    &["example.com", "example.net", "example.org", "mail.example", "studio.example"];

pub(super) const STREETS: &[&str] = &[
    "Ahornweg",
    "Baker Row",
    "Calle Luna",
    "Elm Street",
    "Gartenstraße",
    "Harbour Road",
    "Mill Lane",
    "Rue des Lilas",
    "Ulica Lipowa",
    "Via Roma",
];

/// City and country code.
pub(super) const CITIES: &[(&str, &str)] = &[
    ("Accra", "GH"),
    ("Berlin", "DE"),
    ("Bruxelles", "BE"),
    ("Chicago", "US"),
    ("Kraków", "PL"),
    ("København", "DK"),
    ("Lagos", "NG"),
    ("London", "GB"),
    ("Lyon", "FR"),
    ("Málaga", "ES"),
    ("Nairobi", "KE"),
    ("Osaka", "JP"),
    ("Portland", "US"),
    ("São Paulo", "BR"),
    ("Zürich", "CH"),
];

pub(super) const CONTACT_CATEGORIES: &[&str] =
    &["business", "client", "family", "friend", "neighbour", "supplier"];

pub(super) const CONTACT_TAGS: &[&str] =
    &["berlin-fair", "choir", "football", "invoice", "newsletter", "school", "vip", "wedding"];

pub(super) const EVENT_KINDS: &[&str] = &[
    "Budget review",
    "Coffee",
    "Dentist",
    "Design critique",
    "Football practice",
    "Interview",
    "Kick-off",
    "Lunch",
    "Parents’ evening",
    "Planning",
    "Piano lesson",
    "Quarterly review",
    "Retrospective",
    "Site visit",
    "Stand-up",
    "Yoga",
];

pub(super) const ROOMS: &[&str] =
    &["Atelier", "Café Zentral", "Library", "Meeting room", "Office", "Studio", "Video call"];

pub(super) const VERBS: &[&str] = &[
    "Answer",
    "Book",
    "Call",
    "Check",
    "Draft",
    "Fix",
    "Order",
    "Pay",
    "Plan",
    "Renew",
    "Review",
    "Send",
    "Translate",
    "Update",
];

pub(super) const THINGS: &[&str] = &[
    "bicycle lights",
    "budget",
    "contract",
    "flights to Málaga",
    "garden fence",
    "home page",
    "insurance",
    "invoice",
    "menu for Saturday",
    "offer",
    "passport",
    "piano tuning",
    "price list",
    "tax return",
    "travel plan",
    "visa form",
];

pub(super) const TASK_STATUSES: &[&str] = &["open", "in-progress", "waiting", "done"];
pub(super) const TASK_PRIORITIES: &[&str] = &["low", "normal", "high"];
pub(super) const TASK_TAGS: &[&str] = &["admin", "errand", "home", "sales", "travel", "website"];

/// File extension and media type.
pub(super) const FILE_KINDS: &[(&str, &str)] = &[
    ("pdf", "application/pdf"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("csv", "text/csv"),
    ("md", "text/markdown"),
    ("png", "image/png"),
    ("txt", "text/plain"),
];

pub(super) const FOLDERS: &[&str] =
    &["archive", "clients", "contracts", "family", "house", "invoices", "letters", "taxes"];

pub(super) const CHANNELS: &[&str] = &["call", "chat", "email", "letter", "sms"];
