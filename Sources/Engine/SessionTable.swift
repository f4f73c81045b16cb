internal import Events

/// The sessions of all users. Bounded: when full, the user who was active least recently leaves.
struct SessionTable {
    private var rows: [UserID: Int32] = [:]
    private var sessions: [Session] = []
    /// Rows of forgotten users, to be used again.
    private var vacant: [Int32] = []
    /// For each row, whether a restore has given it out.
    private var isTaken: [Bool] = []
    private var recency = RecencyList()
    let capacity: Int
    let lengthMax: Int

    init(capacity: Int, lengthMax: Int) {
        self.capacity = capacity
        self.lengthMax = lengthMax
    }

    var count: Int { rows.count }

    /// Rows in use or vacant: every row is below.
    var rowCount: Int { sessions.count }

    func row(of user: UserID) -> Int? { rows[user].map(Int.init) }

    subscript(row: Int) -> Session {
        _read { yield sessions[row] }
        _modify { yield &sessions[row] }
    }

    /// The row that `admit` would change; nil where it would make one.
    func rowToAdmit(_ user: UserID) -> Int? {
        if let row = rows[user] { return Int(row) }
        if rows.count == capacity, recency.oldest != RecencyList.none { return Int(recency.oldest) }
        return vacant.last.map(Int.init)
    }

    /// Finds the row of `user`, or makes one.
    ///
    /// - Returns: the row, and the user who left for it.
    mutating func admit(_ user: UserID) -> (row: Int, left: UserID?) {
        if let row = rows[user] {
            recency.touch(Int(row))
            return (Int(row), nil)
        }
        var left: UserID?
        if rows.count == capacity, recency.oldest != RecencyList.none {
            left = sessions[Int(recency.oldest)].user
            if let left { remove(left) }
        }
        let row: Int
        if let reused = vacant.popLast() {
            row = Int(reused)
            sessions[row] = Session(user: user)
        } else {
            row = sessions.count
            sessions.append(Session(user: user))
            recency.append()
        }
        rows[user] = Int32(row)
        recency.touch(row)
        return (row, left)
    }

    /// Rows of forgotten users, the one to be used next last.
    var vacantRows: [Int32] { vacant }

    /// Puts a user back into the row that they had: which session a replay draws depends on the rows. Users
    /// come in any order; who leaves first is settled at the end.
    ///
    /// - Returns: false, and nothing changed, where the row is somebody else's or the user has one.
    mutating func restore(_ user: UserID, row: Int, placeholder: UserID) -> Bool {
        extend(toRow: row, placeholder: placeholder)
        while isTaken.count < sessions.count { isTaken.append(false) }
        guard rows[user] == nil, rows.count < capacity, !isTaken[row] else { return false }
        isTaken[row] = true
        sessions[row] = Session(user: user)
        rows[user] = Int32(row)
        return true
    }

    /// Ends the restoring: every row that nobody has is vacant, and users are in the order of their activity.
    ///
    /// - Returns: false where `vacant` is not just those rows.
    mutating func finishRestoring(vacant: [Int32], rowCount: Int, placeholder: UserID) -> Bool {
        guard rowCount >= sessions.count, rowCount <= sessions.count + vacant.count else { return false }
        extend(toRow: rowCount - 1, placeholder: placeholder)
        while isTaken.count < rowCount { isTaken.append(false) }
        let taken = (0..<rowCount).filter { isTaken[$0] }
        guard vacant.count + taken.count == rowCount else { return false }
        for row in vacant {
            guard (0..<rowCount).contains(Int(row)), !isTaken[Int(row)] else { return false }
            isTaken[Int(row)] = true
        }
        for row in taken.sorted(by: { (sessions[$0].lastActive, $0) < (sessions[$1].lastActive, $1) }) {
            recency.touch(row)
        }
        self.vacant = vacant
        isTaken = []
        return true
    }

    private mutating func extend(toRow row: Int, placeholder: UserID) {
        while sessions.count <= row {
            sessions.append(Session(user: placeholder))
            recency.append()
        }
    }

    /// Forgets `user`.
    ///
    /// - Returns: the row that is vacant now; nil where there was nothing to forget.
    @discardableResult
    mutating func remove(_ user: UserID) -> Int? {
        guard let row = rows.removeValue(forKey: user) else { return nil }
        sessions[Int(row)].entries = []
        sessions[Int(row)].purchased = []
        sessions[Int(row)].ranking = []
        sessions[Int(row)].lastTimestamp = nil
        recency.remove(Int(row))
        vacant.append(row)
        return Int(row)
    }
}
