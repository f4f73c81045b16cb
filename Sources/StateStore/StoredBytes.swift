internal import Foundation
internal import GRDB
internal import GRDBSQLite

/// A blob as it is read: one copy, from SQLite's page into the array that the caller keeps. A restore
/// reads millions of them.
struct StoredBytes: DatabaseValueConvertible, StatementColumnConvertible {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    init(sqliteStatement: SQLiteStatement, index: CInt) {
        let count = Int(unsafe sqlite3_column_bytes(sqliteStatement, index))
        guard count > 0, let start = unsafe sqlite3_column_blob(sqliteStatement, index) else {
            bytes = []
            return
        }
        bytes = unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    var databaseValue: DatabaseValue { Data(bytes).databaseValue }

    static func fromDatabaseValue(_ value: DatabaseValue) -> Self? {
        Data.fromDatabaseValue(value).map { Self(Array($0)) }
    }
}
