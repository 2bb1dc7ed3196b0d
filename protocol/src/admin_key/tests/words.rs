use super::super::*;

#[test]
fn rights_are_read_as_they_are_written() {
    assert_eq!(Rights::all().to_string().parse(), Ok(Rights::all()));
    assert_eq!(
        " keys:write, clients:read".parse::<Rights>().unwrap().to_string(),
        "clients:read,keys:write"
    );
}

#[test]
fn what_is_no_right_is_refused_with_what_there_is() {
    for wrong in ["", "clients", "clients:read,", "clients:admin", "*:read"] {
        let said = wrong.parse::<Rights>().unwrap_err().to_string();
        assert!(said.contains("admin-keys") && said.contains("read, write"), "{said}");
    }
}

#[test]
fn a_name_can_be_written_into_a_log_line_as_it_is() {
    for good in ["a", "ci-deploy", "ops@example.com", "Build_4.2"] {
        assert_eq!(good.parse::<KeyName>().unwrap().as_str(), good);
    }
    for wrong in ["", " ", "a b", "a:b", "a/b", "a\n", "ü", "\"", &"x".repeat(49)] {
        assert_eq!(wrong.parse::<KeyName>(), Err(InvalidName), "{wrong:?}");
    }
}
