//! Whether all places hold the same tasks, field by field.

use crate::failure::Failure;
use std::collections::BTreeMap;

/// The tasks of one place by id, each as its canonical text: equal tasks have the same one.
pub(super) type Tasks = BTreeMap<String, String>;

/// What a task says that the policy keeps at home.
const AT_HOME: &str = "\"list\":\"home\"";

/// Reads lines of an id and a task.
///
/// # Errors
///
/// Fails where a line is something else, or an id comes twice.
pub(super) fn read(lines: &[String]) -> Result<Tasks, Failure> {
    let mut tasks = Tasks::new();
    for line in lines {
        let (id, task) =
            line.split_once(' ').ok_or_else(|| Failure::new(format!("`{line}` is no task")))?;
        if tasks.insert(id.to_owned(), task.to_owned()).is_some() {
            return Err(Failure::new(format!("{id} comes twice")));
        }
    }
    Ok(tasks)
}

/// Removes what stays at home.
pub(super) fn without_home(mut tasks: Tasks) -> Tasks {
    tasks.retain(|_, task| !task.contains(AT_HOME));
    tasks
}

/// Returns how many tasks all places hold, or what is different, and where.
pub(super) fn compare(places: &[(&str, Tasks)]) -> Result<usize, String> {
    let [(first, wanted), others @ ..] = places else {
        return Err("there is no place".to_owned());
    };
    if others.is_empty() || wanted.is_empty() {
        return Err(format!("{first} has nothing to compare, or nothing to compare it with"));
    }
    for (place, tasks) in others {
        for id in wanted.keys().chain(tasks.keys()) {
            let [here, there] = [wanted.get(id), tasks.get(id)];
            if here != there {
                let [here, there] = [here, there].map(|it| it.map_or("nothing", String::as_str));
                return Err(format!("{id} is {here} in {first}, and {there} in {place}"));
            }
        }
    }
    Ok(wanted.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSTER: &str = r#"task-poster {"loggedMinutes":280,"title":"Paint"}"#;
    const VAN: &str = r#"task-van {"title":"Rent a van"}"#;
    const FENCE: &str = r#"task-fence {"list":"home","title":"Mend the fence"}"#;

    fn tasks(lines: &[&str]) -> Tasks {
        read(&lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn what_is_different_in_any_one_place_is_found() {
        let same = [POSTER, VAN];
        let planted: &[(&str, &[&str], bool)] = &[
            ("nothing", &same, true),
            ("another order", &[VAN, POSTER], true),
            ("another text", &[POSTER, r#"task-van {"title":"Rent a cart"}"#], false),
            (
                "another number",
                &[r#"task-poster {"loggedMinutes":250,"title":"Paint"}"#, VAN],
                false,
            ),
            (
                "a text for a number",
                &[r#"task-poster {"loggedMinutes":"280","title":"Paint"}"#, VAN],
                false,
            ),
            (
                "a field more",
                &[POSTER, r#"task-van {"column":"done","title":"Rent a van"}"#],
                false,
            ),
            ("a field less", &[POSTER, "task-van {}"], false),
            ("a task less", &[POSTER], false),
            ("a task more", &[POSTER, VAN, "task-new {}"], false),
            ("what stays at home", &[POSTER, VAN, FENCE], false),
            ("nothing at all", &[], false),
        ];
        for (what, lines, expected) in planted {
            for place in 0..4 {
                let mut places = ["business", "phone", "mara", "kim"].map(|it| (it, tasks(&same)));
                places[place].1 = tasks(lines);
                assert_eq!(compare(&places).is_ok(), *expected, "{what} in {}", places[place].0);
            }
        }
    }

    #[test]
    fn a_difference_says_which_task_and_where() {
        let places = [("phone", tasks(&[POSTER, VAN])), ("kim", tasks(&[POSTER]))];
        let found = compare(&places).unwrap_err();
        assert_eq!(found, r#"task-van is {"title":"Rent a van"} in phone, and nothing in kim"#);
    }

    #[test]
    fn only_what_stays_at_home_is_left_out_of_the_folder_at_home() {
        assert_eq!(without_home(tasks(&[POSTER, FENCE, VAN])), tasks(&[POSTER, VAN]));
    }

    #[test]
    fn nothing_is_not_equal_to_nothing() {
        assert!(compare(&[]).is_err());
        assert!(compare(&[("phone", tasks(&[VAN]))]).is_err());
        assert!(compare(&[("phone", Tasks::new()), ("kim", Tasks::new())]).is_err());
    }

    #[test]
    fn an_answer_that_is_no_list_of_tasks_is_an_error() {
        assert!(read(&["task-van".to_owned()]).is_err());
        assert!(read(&[VAN.to_owned(), VAN.to_owned()]).is_err());
    }
}
