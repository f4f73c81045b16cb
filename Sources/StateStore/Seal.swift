internal import Checkpoints
internal import Events
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
        (checkpoint, written, checksum) = try (row.decode(atIndex: 0), row.decode(atIndex: 1), row.decode(atIndex: 2))
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
            checksum.add(RowChecksums.model(try ModelDescription(row)).value)
        }
        let blobs = try Row.fetchCursor(database, sql: "SELECT name, checksum FROM blob ORDER BY name")
        while let row = try blobs.next() {
            checksum.add(try row.decode(String.self, atIndex: 0))
            checksum.add(UInt64(bitPattern: try row.decode(Int64.self, atIndex: 1)))
        }
        let offsets = try Row.fetchCursor(
            database, sql: "SELECT topic, partition, next FROM offset ORDER BY topic, partition")
        while let row = try offsets.next() {
            let next: Int64 = try row.decode(atIndex: 2)
            let place = try TopicPartition(row)
            checksum.add(RowChecksums.offset(topic: place.topic, partition: Int64(place.partition), next: next).value)
        }
        return Int64(bitPattern: checksum.value)
    }
}
