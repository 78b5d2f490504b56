//! Robots of any size are read or refused in no time.

use h2oplus::model::Spec;

/// `depth` elements within one another.
fn nested(open: &str, close: &str, depth: usize) -> String {
    open.repeat(depth) + &close.repeat(depth)
}

#[test]
fn a_robot_without_measure_is_refused_by_line() {
    let body = r#"<body pos="0 0 0"><geom type="capsule" size="1 1"/>"#;
    let class = |k: usize| format!("<default class=\"c{k}\">");
    let classes: String = (0..5000).map(class).collect();
    for (text, part) in [
        (nested(body, "</body>", 200), "more than 64 elements <body>"),
        (nested(body, "</body>", 20_000), "robot.xml:"),
        (nested("<body>", "</body>", 1_000_000), "robot.xml:"),
        (
            format!("<body>{}</body>", "<joint/>".repeat(600)),
            "more than 512 elements <joint>",
        ),
        (
            format!(
                "<body>{}</body>",
                r#"<geom type="capsule" size="1 1"/>"#.repeat(600)
            ),
            "more than 512 elements <geom>",
        ),
    ] {
        let text = format!("<mujoco>\n<worldbody>\n{text}</worldbody></mujoco>");
        let error = Spec::parse("robot.xml", &text)
            .expect_err("too large")
            .to_string();
        assert!(
            error.starts_with("robot.xml:") && error.contains(part),
            "{error}"
        );
    }
    let text = format!(
        "<mujoco><default>{classes}{}</default></mujoco>",
        "</default>".repeat(5000)
    );
    let error = Spec::parse("robot.xml", &text)
        .expect_err("too deep")
        .to_string();
    assert!(error.contains("more than 64 <default>"), "{error}");
}
