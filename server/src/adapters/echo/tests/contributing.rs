//! What CONTRIBUTING shows is what stands here: every block of code under the mark of a file is in that file, line by line.

use std::{collections::BTreeSet, fs, path::PathBuf};

const PAGE: &str = "CONTRIBUTING.md";
const FOLDER: &str = "server/src/adapters/echo";
const STEPS: usize = 9;

/// A block of code and the file that it is said to be from.
struct Block<'a> {
    step: usize,
    file: &'a str,
    lines: Vec<&'a str>,
}

fn read(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The steps of "Add a provider": their number, and all blocks of code, each under `<!-- FILE -->`.
fn steps(page: &str) -> (usize, Vec<Block<'_>>) {
    let section = page.split("\n## ").find(|section| section.starts_with("Add a provider")).unwrap();
    let (mut step, mut blocks, mut lines) = (0, Vec::new(), section.lines());
    let mut mark = None;
    while let Some(line) = lines.next() {
        if let Some(file) = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->")) {
            mark = Some(file);
        } else if line.starts_with("```") {
            let file = mark.take().unwrap_or_else(|| panic!("step {step}: a block of code that names no file"));
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(Block { step, file, lines: block });
        } else if line.starts_with(&format!("### {}. ", step + 1)) {
            step += 1;
        }
    }
    (step, blocks)
}

/// The same lines without the indentation that they share.
fn dedented<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let indented = lines.iter().filter(|line| !line.trim().is_empty());
    let shared = indented.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    lines.iter().map(|line| line.get(shared..).unwrap_or_default()).collect()
}

fn stands_in(block: &[&str], file: &str) -> bool {
    let lines: Vec<&str> = file.lines().collect();
    !block.is_empty() && lines.windows(block.len()).any(|window| dedented(window) == dedented(block))
}

#[test]
fn contributing_shows_the_code_that_is_built_and_tested() {
    let page = read(PAGE);
    let (last, blocks) = steps(&page);

    assert_eq!(last, STEPS);
    for Block { step, file, lines } in &blocks {
        assert!(stands_in(lines, &read(file)), "step {step}: this is not in {file}:\n{}", lines.join("\n"));
    }
    let shown: BTreeSet<usize> = blocks.iter().map(|block| block.step).collect();
    assert_eq!(shown, (1..=STEPS).collect(), "every step is shown on the example");
    let files: BTreeSet<&str> = blocks.iter().filter_map(|block| block.file.strip_prefix(FOLDER)).collect();
    for file in ["/config.rs", "/docs.md", "/mod.rs", "/tests.rs", "/tests/provider.rs", "/webhook.rs", "/wire.rs"] {
        assert!(files.contains(file), "nothing of {file} is shown");
    }
}

#[test]
fn a_block_that_differs_by_a_line_is_noticed() {
    let file = "fn a() {\n    b();\n\n    c();\n}\n";
    assert!(stands_in(&["b();", "", "c();"], file));
    for other in [vec!["b();", "c();"], vec!["b();", "", "d();"], vec!["  b();", "", "c();"], vec![]] {
        assert!(!stands_in(&other, file), "{other:?}");
    }
}
