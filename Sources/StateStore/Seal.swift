internal import Checkpoints
internal import Foundation
internal import GRDB

/// One row that stands for everything in the file that is neither an item nor a user: the model, the names
/// and checksums of the blobs, and the offsets. Renewed in the transaction of each checkpoint.
struct Seal {
    /// Checkpoints written into this state.
    var checkpoint: Int64
    /// Milliseconds since 1970.
    var written: Int64
    var checksum: Int64

    init?(_ database: Database) throws {
        let row = try Row.fetchOne(database, sql: "SELECT checkpoint, written, checksum FROM seal")
        guard let row else { return nil }
        (checkpoint, written, checksum) = (row[0], row[1], row[2])
    }

    static func hasModel(_ database: Database) throws -> Bool {
        try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM model") == 1
    }

    static func renew(in database: Database, written: Date) throws {
        try database.execute(
            sql: """
                INSERT OR REPLACE INTO seal
                VALUES (1, COALESCE((SELECT checkpoint FROM seal), 0) + 1, ?, ?)
                """,
            arguments: [Int64(written.timeIntervalSince1970 * 1000), try current(database)])
    }

    /// The seal as it should be.
    static func current(_ database: Database) throws -> Int64 {
        var checksum = Checksum(table: 6)
        if let row = try Row.fetchOne(database, sql: "SELECT encoder, dimensions, version FROM model") {
            let model = ModelDescription(
                encoder: row[0], dimensions: row[1], modelVersion: UInt64(bitPattern: row[2] as Int64))
            checksum.add(RowChecksums.model(model).value)
        }
        let blobs = try Row.fetchCursor(database, sql: "SELECT name, checksum FROM blob ORDER BY name")
        while let row = try blobs.next() {
            checksum.add(row[0] as String)
            checksum.add(UInt64(bitPattern: row[1] as Int64))
        }
        let offsets = try Row.fetchCursor(
            database, sql: "SELECT topic, partition, next FROM offset ORDER BY topic, partition")
        while let row = try offsets.next() {
            checksum.add(RowChecksums.offset(topic: row[0], partition: row[1], next: row[2]).value)
        }
        return Int64(bitPattern: checksum.value)
    }
}
