internal import Checkpoints
internal import Foundation
internal import GRDB

/// The tables of a state file. Identifiers are blobs: text would end at a zero byte, and two users become
/// one. A change of format is a new migration at the end, never a change of one that has shipped.
enum Schema {
    /// "frsh": tells the file from any other SQLite database.
    static let applicationID = 0x6672_7368
    static let format = 4
    /// What is older has only its structure to be checked by.
    static let firstWithChecksums = 2

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1", migrate: first)
        migrator.registerMigration("2", migrate: second)
        migrator.registerMigration("3", migrate: third)
        migrator.registerMigration("4", migrate: fourth)
        return migrator
    }

    private static func first(_ database: Database) throws {
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
                PRAGMA user_version = 1;
                """)
    }

    /// A checksum in every row, and a seal over everything that is not an item or a user.
    private static func second(_ database: Database) throws {
        database.add(function: checksum("item_checksum") { row in
            guard let place = Int64.fromDatabaseValue(row[0]) else { return nil }
            return RowChecksums.item(place: place, id: bytes(row[1]), payload: bytes(row[2]))
        })
        database.add(function: checksum("user_checksum") { row in
            guard let lastActive = Int64.fromDatabaseValue(row[1]) else { return nil }
            return RowChecksums.user(id: bytes(row[0]), lastActive: lastActive, payload: bytes(row[2]))
        })
        database.add(function: checksum("blob_checksum") { row in
            guard let name = String.fromDatabaseValue(row[0]) else { return nil }
            return RowChecksums.blob(name: name, payload: bytes(row[1]))
        })
        // Checksums stand before the payload: a row's tail may lie on other pages.
        try database.execute(
            sql: """
                ALTER TABLE item RENAME TO item_1;
                ALTER TABLE user RENAME TO user_1;
                ALTER TABLE blob RENAME TO blob_1;
                CREATE TABLE item (
                    place INTEGER PRIMARY KEY, id BLOB NOT NULL, checksum INTEGER NOT NULL, payload BLOB NOT NULL) STRICT;
                CREATE TABLE user (
                    id BLOB PRIMARY KEY, last_active INTEGER NOT NULL, checksum INTEGER NOT NULL, payload BLOB NOT NULL
                ) STRICT, WITHOUT ROWID;
                CREATE TABLE blob (
                    name TEXT PRIMARY KEY, checksum INTEGER NOT NULL, payload BLOB NOT NULL) STRICT, WITHOUT ROWID;
                CREATE TABLE seal (
                    one INTEGER PRIMARY KEY CHECK (one = 1), checkpoint INTEGER NOT NULL,
                    written INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT;
                INSERT INTO item SELECT place, id, item_checksum(place, id, payload), payload FROM item_1;
                INSERT INTO user SELECT id, last_active, user_checksum(id, last_active, payload), payload FROM user_1;
                INSERT INTO blob SELECT name, blob_checksum(name, payload), payload FROM blob_1;
                DROP TABLE item_1;
                DROP TABLE user_1;
                DROP TABLE blob_1;
                PRAGMA user_version = 2;
                """)
        if try Seal.hasModel(database) { try Seal.renew(in: database, written: Date()) }
    }

    /// The same tables. Rows may end later than before, with what the counting models keep: a freshet that does
    /// not know of that must not write into them.
    private static func third(_ database: Database) throws {
        try database.execute(sql: "PRAGMA user_version = 3")
    }

    /// The same tables. Recent ids say whose they are: a freshet that does not know of that must not write them.
    private static func fourth(_ database: Database) throws {
        try database.execute(sql: "PRAGMA user_version = 4")
    }

    private static func checksum(
        _ name: String, _ body: @escaping @Sendable ([DatabaseValue]) -> Checksum?
    ) -> DatabaseFunction {
        DatabaseFunction(name, pure: true) { row in body(row).map { Int64(bitPattern: $0.value) } }
    }

    private static func bytes(_ value: DatabaseValue) -> [UInt8] {
        StoredBytes.fromDatabaseValue(value)?.bytes ?? []
    }
}
