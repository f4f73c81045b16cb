import ArgumentParser

/// What is measured, and what is tried by the thousand.
@main
struct FreshetBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "freshet-bench",
        abstract: "Measures Freshet, or runs it through simulated disasters; one JSON object a line.",
        discussion: """
            Without a subcommand it measures.

            Example: freshet-bench exact_top20 train
                     freshet-bench simulate --seeds 10000
                     freshet-bench soak --events 10000000
            """,
        subcommands: [Measure.self, Simulate.self, Soak.self, Work.self],
        defaultSubcommand: Measure.self)
}
