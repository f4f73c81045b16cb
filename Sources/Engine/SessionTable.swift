internal import Events

/// The sessions of all users. Bounded: when full, the user who was active least recently leaves.
struct SessionTable {
    private var rows: [UserID: Int32] = [:]
    private var sessions: [Session] = []
    /// Rows of forgotten users, to be used again.
    private var vacant: [Int32] = []
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

    /// Forgets `user`.
    ///
    /// - Returns: the row that is vacant now; nil where there was nothing to forget.
    @discardableResult
    mutating func remove(_ user: UserID) -> Int? {
        guard let row = rows.removeValue(forKey: user) else { return nil }
        sessions[Int(row)].entries = []
        sessions[Int(row)].purchased = []
        sessions[Int(row)].ranking = []
        recency.remove(Int(row))
        vacant.append(row)
        return Int(row)
    }
}
