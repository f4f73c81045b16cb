import Synchronization
import Testing

@testable import Tensors

@Suite struct WorkersTests {
    @Test(arguments: [1, 2, 5]) func everyPartIsDoneOnceBeforeTheCallReturns(threads: Int) {
        let workers = Workers(threads)
        #expect(workers.count == threads)
        for round in 0..<2000 {
            let count = round % 7
            let done = Mutex([Int](repeating: 0, count: count))
            workers.forEach(count) { part in done.withLock { $0[part] += 1 } }
            #expect(done.withLock { $0 } == [Int](repeating: 1, count: count))
        }
    }

    @Test func partsRunSideBySide() {
        // Each waits for the other: one after another they would wait for ever, so they give up after many looks.
        let workers = Workers(2)
        let arrived = Atomic(0)
        let met = Atomic(0)
        workers.forEach(2) { _ in
            arrived.add(1, ordering: .relaxed)
            var looks = 0
            while arrived.load(ordering: .relaxed) < 2, looks < 2_000_000_000 { looks += 1 }
            if looks < 2_000_000_000 { met.add(1, ordering: .relaxed) }
        }
        #expect(met.load(ordering: .relaxed) == 2)
    }
}

@Suite struct SelectionTests {
    @Test func whatIsKeptIsWhatASortWouldPutFirst() {
        var state: UInt64 = 7
        for count in [0, 1, 2, 3, 17, 100, 257] {
            for kept in [0, 1, 2, 20, 256, 300] {
                let values = (0..<count).map { _ in
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    return Int(state >> 60)
                }
                var list = values
                list.keepFirst(kept, by: >)
                #expect(list.sorted(by: >) == Array(values.sorted(by: >).prefix(kept)), "\(kept) of \(values)")
            }
        }
    }
}
