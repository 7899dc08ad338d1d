//! The command line of `cargo xtask`.

use crate::failure::Failure;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Print this text.
    Help(String),
    /// Everything that continuous integration runs.
    Ci,
    /// The rules of the repository.
    Tidy,
    /// Every test.
    Test,
    /// The served interface against its own description.
    Api {
        /// What schemathesis reads itself.
        arguments: Vec<String>,
    },
    /// The TypeScript side.
    Sdk,
    /// The TypeScript client in real browsers.
    Browsers {
        /// What vitest reads itself.
        arguments: Vec<String>,
    },
    /// The pages that a hub serves.
    Dashboard,
    /// The main job on example data.
    Demo {
        /// Whether the hub stays up afterwards.
        stay: bool,
    },
    /// A benchmark by name, or the list of them.
    Bench {
        /// Its name; nothing lists them all.
        name: Option<String>,
        /// What it reads itself.
        arguments: Vec<String>,
    },
    /// The simulation.
    Sim {
        /// What it reads itself.
        arguments: Vec<String>,
    },
}

/// One command: name, form, summary, details.
struct Command {
    name: &'static str,
    form: &'static str,
    summary: &'static str,
    details: &'static str,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "ci",
        form: "ci",
        summary: "Run everything that continuous integration runs",
        details: "Runs fmt, tidy, clippy (warnings are errors), deny, test, api, sdk, browsers and demo, in this\n\
                  order and all of them even behind a failed one; repeats what failed, by name and with the first\n\
                  lines of its message, then prints a table of times and `N passed, N failed`.\n\
                  A failed step counts as one failure.",
    },
    Command {
        name: "tidy",
        form: "tidy",
        summary: "Check the rules that no compiler knows",
        details: "Crate edges, purity fences (and that they fire), layout, dead files, error pages,\n\
                  requirements, links, licences and sources. Prints the longest files and functions.",
    },
    Command {
        name: "test",
        form: "test",
        summary: "Run every test, doc tests included",
        details: "Runs `cargo test --workspace`; the last line is `N passed, N failed`. No test at all is a\n\
                  failure. As root, installs the programs that tests start when they are missing.",
    },
    Command {
        name: "api",
        form: "api [ARGUMENTS…]",
        summary: "Ask a served hub what its description allows, and what it does not",
        details: "Starts `syncline serve` and asks it with schemathesis, by its own /openapi.json: no answer may\n\
                  be one that is not described. Installs schemathesis below target/, which needs Python 3.10\n\
                  or later, and the network once. Arguments go to schemathesis: `-n 200 --seed 7` looks longer.",
    },
    Command {
        name: "sdk",
        form: "sdk",
        summary: "Compile, test, weigh and pack the TypeScript client",
        details: "Needs Node 20 or later with npm, and their registry once. Runs in sdk/ what `npm run build`,\n\
                  `check`, `size`, `test` and `packaging` run; the last line is `N passed, N failed`.",
    },
    Command {
        name: "browsers",
        form: "browsers [ARGUMENTS…]",
        summary: "Try the TypeScript client in Chromium, Firefox and WebKitGTK",
        details: "As root, installs the browsers when they are missing (scripts/install-browsers.sh). Arguments go\n\
                  to vitest: `harness` runs the files with that in their name, `-t frozen` the tests.",
    },
    Command {
        name: "dashboard",
        form: "dashboard",
        summary: "Build the dashboard, so that the next build of the binary holds it",
        details: "Needs Node 20 or later with npm, and their registry once. Builds dashboard/ and lays its files,\n\
                  compressed, into crates/syncline-server/dashboard/built. Without it a hub says so instead.",
    },
    Command {
        name: "demo",
        form: "demo [--stay]",
        summary: "Play the main job on shipped example data",
        details: "Copies examples/personal-business to demo-output/, runs the steps there, serves a hub to two\n\
                  devices and to the example app in three browsers, and leaves the folder. `--stay` leaves the\n\
                  hub and the page up, too, until Ctrl-C.",
    },
    Command {
        name: "bench",
        form: "bench [NAME] [ARGUMENTS…]",
        summary: "Run a benchmark; without a name, list them",
        details: "Builds in release. Arguments behind the name go to the benchmark.",
    },
    Command {
        name: "sim",
        form: "sim [--seed N] [--seeds N]",
        summary: "Run the simulation",
        details: "Builds in release. `--seed N` replays one world; `--seeds N` runs that many.",
    },
];

/// Reads the arguments behind the program's name.
///
/// # Errors
///
/// Fails, with exit code 2, on a command or an argument that is not known.
pub(crate) fn parse(arguments: &[String]) -> Result<Request, Failure> {
    let Some((first, rest)) = arguments.split_first() else {
        return Err(Failure::usage(overview()));
    };
    if is_help(first) || first == "help" {
        return Ok(Request::Help(overview()));
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == first) else {
        return Err(Failure::usage(format!("no command `{first}`\n\n{}", overview())));
    };
    if rest.first().is_some_and(|argument| is_help(argument)) {
        return Ok(Request::Help(page(command)));
    }
    let request = match command.name {
        "bench" => {
            let (name, arguments) = match rest.split_first() {
                None => (None, Vec::new()),
                Some((name, arguments)) => (Some(name.clone()), arguments.to_vec()),
            };
            return Ok(Request::Bench { name, arguments });
        }
        "api" => {
            return Ok(Request::Api { arguments: rest.to_vec() });
        }
        "browsers" => {
            return Ok(Request::Browsers { arguments: rest.to_vec() });
        }
        "sim" => {
            return Ok(Request::Sim { arguments: rest.to_vec() });
        }
        "ci" => Request::Ci,
        "tidy" => Request::Tidy,
        "test" => Request::Test,
        "sdk" => Request::Sdk,
        "dashboard" => Request::Dashboard,
        "demo" if rest == ["--stay"] => return Ok(Request::Demo { stay: true }),
        "demo" => Request::Demo { stay: false },
        other => unreachable!("every command of the table is read: {other}"),
    };
    match rest.first() {
        None => Ok(request),
        Some(extra) => Err(Failure::usage(format!("`{}` takes no `{extra}`", command.name))),
    }
}

fn is_help(argument: &str) -> bool {
    matches!(argument, "--help" | "-h")
}

fn overview() -> String {
    let rows: Vec<String> = COMMANDS
        .iter()
        .map(|command| format!("  {:<28} {}", command.form, command.summary))
        .collect();
    format!(
        "The project's own commands.\n\nUsage: cargo xtask <COMMAND>\n\nCommands:\n{}\n\n\
         `cargo xtask <COMMAND> --help` tells more. Exit codes: 0 done, 1 something failed, 2 usage.",
        rows.join("\n")
    )
}

fn page(command: &Command) -> String {
    format!("{}.\n\nUsage: cargo xtask {}\n\n{}", command.summary, command.form, command.details)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, Failure> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&arguments)
    }

    #[test]
    fn every_command_is_read_and_has_help() {
        for command in COMMANDS {
            assert!(parsed(command.name).is_ok(), "case: {}", command.name);
            let help = parsed(&format!("{} --help", command.name)).unwrap();
            assert!(matches!(help, Request::Help(text) if text.contains(command.summary)));
        }
        assert!(matches!(parsed("--help"), Ok(Request::Help(_))));
    }

    #[test]
    fn arguments_go_to_the_program_they_are_for() {
        let sim = Request::Sim { arguments: vec!["--seed".to_owned(), "7".to_owned()] };
        assert_eq!(parsed("sim --seed 7").unwrap(), sim);
        let bench = Request::Bench {
            name: Some("files".to_owned()),
            arguments: vec!["--items".to_owned(), "5".to_owned()],
        };
        assert_eq!(parsed("bench files --items 5").unwrap(), bench);
        assert_eq!(parsed("demo --stay").unwrap(), Request::Demo { stay: true });
    }

    #[test]
    fn what_is_not_known_ends_with_exit_code_two() {
        for line in ["", "tests", "tidy --fast", "ci x", "demo --stay x"] {
            assert_eq!(parsed(line).unwrap_err().exit_code(), 2, "case: `{line}`");
        }
    }
}
