import Events
import Foundation
import GRDB
import Testing

@testable import StateStore

/// What SQLite and the system may answer, and what is said of it: damage is only what the file itself shows.
@Suite struct SystemErrorsTests {
    private let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("freshet-errors-\(UUID().uuidString)").path

    private func recovery(_ code: ResultCode, _ action: StateStoreError.Action, errno code2: Int32 = 0) -> Recovery {
        StateStoreError(DatabaseError(resultCode: code, message: "said by SQLite"), action, directory: directory, systemError: code2)
            .recovery
    }

    @Test(arguments: [
        ResultCode.SQLITE_CORRUPT, .SQLITE_CORRUPT_VTAB, .SQLITE_NOTADB, .SQLITE_FORMAT, .SQLITE_IOERR_CORRUPTFS, .SQLITE_IOERR_DATA,
        .SQLITE_IOERR_SHORT_READ,
    ])
    func whatTheFileShowsIsDamage(code: ResultCode) {
        for action in [StateStoreError.Action.opening, .reading, .writing] { #expect(recovery(code, action) == .restoreState) }
    }

    /// The tables are not those that a freshet makes.
    @Test(arguments: [ResultCode.SQLITE_ERROR, .SQLITE_SCHEMA, .SQLITE_CONSTRAINT, .SQLITE_MISMATCH, .SQLITE_TOOBIG])
    func aFileThatMakesNoSenseIsDamageToAReaderAndNotToAWriter(code: ResultCode) {
        #expect(recovery(code, .opening) == .restoreState && recovery(code, .reading) == .restoreState)
        #expect(recovery(code, .writing) == .restart)
    }

    @Test(arguments: [
        ResultCode.SQLITE_FULL, .SQLITE_BUSY, .SQLITE_BUSY_RECOVERY, .SQLITE_BUSY_SNAPSHOT, .SQLITE_LOCKED, .SQLITE_LOCKED_SHAREDCACHE,
        .SQLITE_PROTOCOL, .SQLITE_NOMEM, .SQLITE_IOERR, .SQLITE_IOERR_READ, .SQLITE_IOERR_WRITE, .SQLITE_IOERR_FSYNC,
        .SQLITE_IOERR_DIR_FSYNC, .SQLITE_IOERR_TRUNCATE, .SQLITE_IOERR_FSTAT, .SQLITE_IOERR_LOCK, .SQLITE_IOERR_RDLOCK,
        .SQLITE_IOERR_UNLOCK, .SQLITE_IOERR_SHMOPEN, .SQLITE_IOERR_SHMSIZE, .SQLITE_IOERR_SHMMAP, .SQLITE_IOERR_MMAP,
        .SQLITE_IOERR_NOMEM, .SQLITE_READONLY_DBMOVED, .SQLITE_INTERRUPT, .SQLITE_ABORT, .SQLITE_INTERNAL, .SQLITE_MISUSE,
    ])
    func whatANewStartMayFindOtherwiseIsTriedAgain(code: ResultCode) {
        for action in [StateStoreError.Action.opening, .reading, .writing] { #expect(recovery(code, action) == .restart) }
    }

    @Test(arguments: [
        ResultCode.SQLITE_READONLY, .SQLITE_READONLY_DIRECTORY, .SQLITE_READONLY_RECOVERY, .SQLITE_READONLY_CANTINIT,
        .SQLITE_READONLY_CANTLOCK, .SQLITE_READONLY_ROLLBACK, .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH,
    ])
    func rightsAreConfiguration(code: ResultCode) {
        for action in [StateStoreError.Action.opening, .reading, .writing] { #expect(recovery(code, action) == .reconfigure) }
    }

    /// SQLite says that it could not; the system says why.
    @Test(arguments: [
        (ENOSPC, StateStoreError.diskFull(path: "/d")), (EDQUOT, .diskFull(path: "/d")),
        (EFBIG, .writeFailed(path: "/d", reason: "a file may not become larger: raise its limit, LimitFSIZE of the unit or ulimit -f")),
        (EIO, .writeFailed(path: "/d", reason: "Input/output error")),
        (EACCES, .directoryUnusable(path: "/d", reason: "Permission denied")),
        (EROFS, .directoryUnusable(path: "/d", reason: "Read-only file system")),
        (EMFILE, .noResources(path: "/d", reason: "Too many open files")), (ENOMEM, .noResources(path: "/d", reason: "Cannot allocate memory")),
    ] as [(Int32, StateStoreError)])
    func theReasonBehindAnErrorIsTheSystems(code: Int32, expected: StateStoreError) {
        let error = DatabaseError(resultCode: .SQLITE_IOERR_WRITE, message: "disk I/O error")
        #expect(StateStoreError(error, .writing, directory: "/d", systemError: code) == expected)
        #expect(StateStoreError(POSIXError(POSIXErrorCode(rawValue: code) ?? .EIO), .writing, directory: "/d") == expected)
    }

    @Test func everyEndIsASentenceThatNamesTheDirectory() {
        let all: [StateStoreError] = [
            .directoryUnusable(path: "/d", reason: "r"), .inUse(path: "/d"), .damaged(path: "/d", reason: "r", hasPrevious: true),
            .damaged(path: "/d", reason: "r", hasPrevious: false), .missing(path: "/d"), .formatTooNew(path: "/d", format: 9),
            .formatTooOld(path: "/d", format: 1), .nothingThere(path: "/d"), .noPrevious(path: "/d"), .diskFull(path: "/d"),
            .writeFailed(path: "/d", reason: "r"), .readFailed(path: "/d", reason: "r"), .changedMeanwhile(path: "/d"),
            .noResources(path: "/d", reason: "r"),
        ]
        for error in all {
            #expect(error.description.contains("/d") && error.description.contains(": "), "\(error)")
            // Only what is damaged may be told to be got over by a recovery.
            #expect(!error.description.contains("--recover") || error.recovery == .restoreState, "\(error)")
        }
    }

    /// What a directory holds by another name, or cannot hold, is told by its own reason.
    @Test func aDirectoryThatIsNoneIsNotDamaged() throws {
        try Data("a file".utf8).write(to: URL(fileURLWithPath: directory))
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        do throws(StateStoreError) {
            _ = try StateStore(directory: directory)
            Issue.record("opened a file as a directory")
        } catch { #expect(error == .directoryUnusable(path: directory, reason: "Not a directory")) }
        #expect(throws: StateStoreError.nothingThere(path: directory)) { try StateStore(reading: self.directory) }
    }
}
