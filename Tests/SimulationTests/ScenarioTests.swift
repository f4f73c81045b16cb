import Delivery
import Events
import Testing

@testable import Simulation

/// The production engine and delivery code in a world that fails on purpose. `freshet-bench simulate` runs
/// as many seeds as one likes.
@Suite struct ScenarioTests {
    @Test func seedsThatEverFailedHold() {
        for seed in Seeds.everFailed { check(Scenario(seed: seed)) }
    }

    @Test(arguments: 0..<6) func someHundredSeedsHold(sixth: UInt64) {
        var (compared, faults, processes) = (0, 0, 0)
        for seed in 1_000 + sixth * 60..<1_000 + (sixth + 1) * 60 {
            let verdict = check(Scenario(seed: seed))
            compared += verdict.comparesState ? 1 : 0
            faults += verdict.history.count
            processes += verdict.processes
        }
        // That something went wrong, and was looked at, is part of the claim.
        #expect(compared > 30 && faults > 90 && processes > 70, "\(compared) \(faults) \(processes)")
    }

    @Test func withoutFaultsNothingGoesWrong() {
        for seed in 0..<40 as Range<UInt64> {
            var scenario = Scenario(seed: seed)
            scenario.faults = FaultPlan([])
            let heirs = scenario.delivery.sessionsTopic == nil ? 0 : 1
            #expect(check(scenario).processes == scenario.machines + heirs)
        }
    }

    /// SQLite's loop: the same story with every kind of fault at the first call, the second, and so on.
    @Test(arguments: [DeliveryConfiguration.Guarantee.atLeastOnce, .exactlyOnce])
    func everyFaultAtEveryCall(guarantee: DeliveryConfiguration.Guarantee) throws {
        let scenario = try #require(
            (0..<1000 as Range<UInt64>).lazy.map(Scenario.init).first {
                $0.delivery.guarantee == guarantee && $0.delivery.isReproducible && $0.partitions == 1 && $0.records < 24
                    && $0.machines == 1
            })
        var calm = scenario
        calm.faults = FaultPlan([])
        let calls = check(calm).calls
        var happened: Set<Fault> = []
        for fault in Scenario.faults(for: guarantee) {
            for call in 1...calls {
                var disturbed = scenario
                disturbed.faults = FaultPlan([(call, fault)])
                if !check(disturbed).history.isEmpty { happened.insert(fault) }
            }
        }
        #expect(happened == Set(Scenario.faults(for: guarantee)))
    }

    @Test func theSeedIsTheStory() {
        for seed in [3, 14, 159] as [UInt64] {
            let (first, second) = (Scenario(seed: seed).verdict(), Scenario(seed: seed).verdict())
            #expect(first.history == second.history)
            #expect(first.calls == second.calls && first.processes == second.processes)
        }
    }

    @discardableResult
    private func check(_ scenario: Scenario) -> Verdict {
        let verdict = scenario.verdict()
        #expect(verdict.violations.isEmpty, "seed \(scenario.seed), \(scenario.faults.faults): \(verdict.violations)")
        return verdict
    }
}
