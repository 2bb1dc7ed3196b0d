//! Whatever is sealed in the database is sealed again when the master key changes: every cell that
//! the code names is in a column of [`actors::encryption`].

use actors::encryption::Column;

use super::tree::{SourceFile, assert_none, rust_files};

/// The tables of the cells that a file names, outside its unit tests.
fn tables(file: &SourceFile) -> Vec<&str> {
    let code = file.text.split("#[cfg(test)]").next().unwrap_or_default();
    let cells = code.split("Cell {").skip(1);
    let named = cells.filter_map(|cell| {
        let (inside, _) = cell.split_once('}')?;
        inside.split_once("table: \"")?.1.split('"').next()
    });
    named.collect()
}

fn forgotten(files: &[SourceFile]) -> Vec<String> {
    let known = Column::ALL.map(Column::table);
    let found = files.iter().flat_map(|file| tables(file).into_iter().map(move |it| (file, it)));
    let unknown = found.filter(|(_, table)| !known.contains(table));
    let told = unknown.map(|(file, table)| {
        format!("{}: `{table}` is sealed, and has no column in actors/src/encryption", file.path)
    });
    told.collect()
}

#[test]
fn every_sealed_cell_is_sealed_again_with_a_new_master_key() {
    let ours = |file: &SourceFile| {
        ["actors/", "entities/", "src/"].iter().any(|place| file.path.starts_with(place))
    };
    let files: Vec<SourceFile> = rust_files().into_iter().filter(ours).collect();
    let named: usize = files.iter().map(|file| tables(file).len()).sum();
    assert_eq!(named, Column::ALL.len(), "each cell is named once");
    assert_none("sealed cells (tests/it/house/sealed.rs):", &forgotten(&files));
}

#[test]
fn a_cell_of_a_table_that_nobody_seals_again_is_found() {
    let new = "fn cell(row: &str) -> Cell<'_> {\n Cell { table: \"vault\", row, column: \"x\" }\n}";
    assert_eq!(forgotten(&[SourceFile::sample("actors/src/vault.rs", new)]).len(), 1);
    let known = new.replace("vault", "signing_keys");
    assert!(forgotten(&[SourceFile::sample("actors/src/vault.rs", &known)]).is_empty());
}
