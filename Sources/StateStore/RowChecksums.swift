internal import Checkpoints

/// What the checksum of each kind of row is taken over: all of the row.
enum RowChecksums {
    static func model(_ model: ModelDescription) -> Checksum {
        var checksum = Checksum(table: 1)
        checksum.add(model.encoder)
        checksum.add(UInt64(bitPattern: Int64(model.dimensions)))
        checksum.add(model.modelVersion)
        return checksum
    }

    static func item(place: Int64, id: [UInt8], payload: [UInt8]) -> Checksum {
        var checksum = Checksum(table: 2)
        checksum.add(UInt64(bitPattern: place))
        checksum.add(id)
        checksum.add(payload)
        return checksum
    }

    static func user(id: [UInt8], lastActive: Int64, payload: [UInt8]) -> Checksum {
        var checksum = Checksum(table: 3)
        checksum.add(id)
        checksum.add(UInt64(bitPattern: lastActive))
        checksum.add(payload)
        return checksum
    }

    static func blob(name: String, payload: [UInt8]) -> Checksum {
        var checksum = Checksum(table: 4)
        checksum.add(name)
        checksum.add(payload)
        return checksum
    }

    static func offset(topic: String, partition: Int64, next: Int64) -> Checksum {
        var checksum = Checksum(table: 5)
        checksum.add(topic)
        checksum.add(UInt64(bitPattern: partition))
        checksum.add(UInt64(bitPattern: next))
        return checksum
    }
}
