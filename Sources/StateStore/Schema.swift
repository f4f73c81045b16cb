internal import GRDB

/// The tables of a state file. Identifiers are blobs: text would end at a zero byte, and two users become one. A change of format is a new migration at the end, never a change of
/// one that has shipped.
enum Schema {
    /// "frsh": tells the file from any other SQLite database.
    static let applicationID = 0x6672_7368
    static let format = 1

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE model (
                        one INTEGER PRIMARY KEY CHECK (one = 1), encoder TEXT NOT NULL,
                        dimensions INTEGER NOT NULL, version INTEGER NOT NULL) STRICT;
                    CREATE TABLE item (place INTEGER PRIMARY KEY, id BLOB NOT NULL, payload BLOB NOT NULL) STRICT;
                    CREATE TABLE user (
                        id BLOB PRIMARY KEY, last_active INTEGER NOT NULL, payload BLOB NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE blob (name TEXT PRIMARY KEY, payload BLOB NOT NULL) STRICT, WITHOUT ROWID;
                    CREATE TABLE offset (
                        topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
                        PRIMARY KEY (topic, partition)) STRICT, WITHOUT ROWID;
                    PRAGMA application_id = \(applicationID);
                    PRAGMA user_version = \(format);
                    """)
        }
        return migrator
    }
}
