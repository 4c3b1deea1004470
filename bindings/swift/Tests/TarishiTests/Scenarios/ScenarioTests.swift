// The scenarios of tests/scenarios, which Rust, Kotlin and Swift run alike.

import Testing

@Suite("Scenarios")
struct ScenarioTests {
    @Test("there are scenarios to run")
    func thereAreScenarios() {
        #expect(Scenario.all.count >= 25)
    }

    @Test("in memory", .serialized, arguments: Scenario.all)
    func inMemory(_ scenario: Scenario) async {
        await run(scenario, .memory)
    }

    @Test("over the library's own HTTP", .serialized, .enabled(if: Road.http != nil), arguments: Scenario.all)
    func overHTTP(_ scenario: Scenario) async {
        await run(scenario, .library)
    }

    @Test("over URLSession", .serialized, .enabled(if: Road.http != nil), arguments: Scenario.all)
    func overURLSession(_ scenario: Scenario) async {
        await run(scenario, .urlSession)
    }

    private func run(_ scenario: Scenario, _ road: Road) async {
        do {
            try await Run.carryOut(scenario, road)
            print("scenario passed: \(road.rawValue): \(scenario.name)")
        } catch {
            print("scenario failed: \(road.rawValue): \(scenario.name): \(error)")
            Issue.record("\(road.rawValue): \(scenario.name): \(error)")
        }
    }
}
