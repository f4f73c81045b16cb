internal import Foundation
internal import Glibc
internal import GRDB
internal import GRDBSQLite

// What SQLite, Foundation and the system answer, as what it means for a state directory. Damage is what the file
// itself shows; everything else leaves the file out of it.

extension StateStoreError {
    /// What was being done when an error came.
    enum Action { case opening, reading, writing }

    /// - Parameters:
    ///   - directory: the state directory.
    ///   - systemError: errno behind an error of SQLite's, where it is known; 0 where not.
    init(_ error: any Error, _ action: Action, directory: String, systemError: Int32 = 0) {
        switch error {
        case let error as StateStoreError: self = error
        case let error as DatabaseError: self.init(error, action, directory, systemError)
        case let error as CocoaError where error.systemError != 0:
            self.init(errno: error.systemError, action, directory: directory)
        case let error as POSIXError: self.init(errno: error.code.rawValue, action, directory: directory)
        // A row that nobody can read is damage; whatever stopped a writer has not damaged anything.
        default: self = action == .writing
            ? .writeFailed(path: directory, reason: "\(error)") : StateFile.damage("\(error)", directory: directory)
        }
    }

    init(errno code: Int32, _ action: Action, directory: String) {
        let reason = DirectoryLock.reason(code)
        switch code {
        case ENOSPC, EDQUOT: self = .diskFull(path: directory)
        case EMFILE, ENFILE, ENOMEM, EAGAIN, ENOLCK: self = .noResources(path: directory, reason: reason)
        case EFBIG:
            self = .writeFailed(
                path: directory, reason: "a file may not become larger: raise its limit, LimitFSIZE of the unit or ulimit -f")
        case EACCES, EPERM, EROFS, ENOENT, ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG, EINVAL, ENXIO, ENODEV:
            self = .directoryUnusable(path: directory, reason: reason)
        default: self = Self.failed(action, directory, reason)
        }
    }

    /// SQLite's result codes (sqlite.org/rescode.html).
    private init(_ error: DatabaseError, _ action: Action, _ directory: String, _ systemError: Int32) {
        let reason = error.message ?? "\(error.resultCode)"
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT: self = StateFile.damage(reason, directory: directory)
        case .SQLITE_FULL: self = .diskFull(path: directory)
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL: self = .inUse(path: directory)
        case .SQLITE_NOMEM: self = .noResources(path: directory, reason: reason)
        case .SQLITE_READONLY:
            self = error.extendedResultCode == .SQLITE_READONLY_DBMOVED
                ? .writeFailed(path: directory, reason: "\(StateStore.fileName) was moved or removed while it was open")
                : .directoryUnusable(path: directory, reason: "its files may not be written")
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH, .SQLITE_NOLFS:
            let code = systemError != 0 ? systemError : Self.refusal(directory: directory, action)
            self = code == 0
                ? .directoryUnusable(path: directory, reason: reason) : StateStoreError(errno: code, action, directory: directory)
        case .SQLITE_IOERR:
            switch error.extendedResultCode {
            // The file is not what it was written as: shorter, or changed below SQLite.
            case .SQLITE_IOERR_SHORT_READ, .SQLITE_IOERR_DATA, .SQLITE_IOERR_CORRUPTFS:
                self = StateFile.damage(reason, directory: directory)
            case .SQLITE_IOERR_NOMEM: self = .noResources(path: directory, reason: reason)
            default:
                self = systemError == 0
                    ? Self.failed(action, directory, reason) : StateStoreError(errno: systemError, action, directory: directory)
            }
        // What was asked is what this freshet always asks: a file in which it makes no sense was not written by one.
        case .SQLITE_ERROR, .SQLITE_SCHEMA, .SQLITE_TOOBIG, .SQLITE_CONSTRAINT, .SQLITE_MISMATCH, .SQLITE_RANGE:
            self = action == .writing
                ? Self.failed(action, directory, reason) : StateFile.damage(reason, directory: directory)
        default: self = Self.failed(action, directory, reason)
        }
    }

    private static func failed(_ action: Action, _ directory: String, _ reason: String) -> StateStoreError {
        action == .writing ? .writeFailed(path: directory, reason: reason) : .readFailed(path: directory, reason: reason)
    }

    /// Why the system does not let the state file be opened; 0 where it does. SQLite itself says only that it could not.
    private static func refusal(directory: String, _ action: Action) -> Int32 {
        let flags = action == .reading ? O_RDONLY : O_RDWR
        let descriptor = unsafe open(directory + "/" + StateStore.fileName, flags | O_CLOEXEC)
        if descriptor >= 0 { close(descriptor) } else if errno != ENOENT { return errno }
        return unsafe access(directory, action == .reading ? R_OK | X_OK : R_OK | W_OK | X_OK) == 0 ? 0 : errno
    }
}

extension CocoaError {
    /// errno behind it; 0 where there is none.
    fileprivate var systemError: Int32 {
        if let underlying = underlying as? POSIXError { return underlying.code.rawValue }
        switch code {
        case .fileWriteOutOfSpace: return ENOSPC
        case .fileWriteNoPermission, .fileReadNoPermission: return EACCES
        case .fileWriteVolumeReadOnly: return EROFS
        case .fileNoSuchFile, .fileReadNoSuchFile: return ENOENT
        default: return 0
        }
    }
}

extension Database {
    /// errno behind the last error of this connection; 0 where there was none.
    var systemError: Int32 { unsafe sqliteConnection.map { unsafe sqlite3_system_errno($0) } ?? 0 }
}
