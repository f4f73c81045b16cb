import ArgumentParser
import Engine
import Events
import Learning

/// A fixed piece of the engine's work, for what counts instead of measuring: instructions, allocations.
struct Work: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "work",
        abstract: "Has the engine answer and learn so many events, and says nothing: for callgrind and its like.",
        discussion: """
            The difference between two runs is what the events in between cost. Debug information may have to go first.

            Example: FRESHET_ISA=avx2 valgrind --tool=callgrind freshet-bench work --events 1000
            """)

    @Option(help: "How many events, after every item has come once.")
    var events = 1000

    @Option(help: "Items in the catalogue.")
    var items = 2000

    @Option(help: "gru, attention, convolution or ensemble.")
    var encoder = "gru"

    func validate() throws {
        guard (0...10_000_000).contains(events) else { throw ValidationError("--events is from 0 to 10000000") }
        guard (1...1_000_000).contains(items) else { throw ValidationError("--items is from 1 to 1000000") }
        guard EngineConfiguration.Encoder(rawValue: encoder) != nil else { throw ValidationError("there is no encoder \(encoder)") }
    }

    func run() throws {
        var stream = BenchStream(items: items, users: 200)
        var configuration = EngineConfiguration()
        (configuration.encoder, configuration.threads) = (EngineConfiguration.Encoder(rawValue: encoder) ?? .gru, 1)
        (configuration.learner.itemsMax, configuration.usersMax) = (items, 200)
        configuration.learner.temperature = 0.08
        configuration.keepsKeysAndValues = true
        var engine = try Engine(configuration)
        var answers: [EngineAnswer] = []
        var left = items + events
        while left > 0 {
            let isFilling = left > events
            let count = min(Self.batch, isFilling ? left - events : left)
            try engine.answer(
                (0..<count).map { _ in stream.next(wantsAnswer: !isFilling) }, now: Timestamp(milliseconds: 0),
                into: &answers)
            try engine.learn(replay: .none, batch: Engine.learningBatchMax)
            left -= count
        }
    }

    private static let batch = 32
}
