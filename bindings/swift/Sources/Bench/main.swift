// How many operations a second are stored from Swift, one at a time and in lists of 100, one call after the other. Prints one line
// of JSON. The operations are those of the project's Rust figures: a text to one phone.

import Foundation
import Tarishi

struct Figures: Encodable {
    let language = "swift"
    let enqueuePerSecond: Int
    let enqueueListOf100PerSecond: Int

    enum CodingKeys: String, CodingKey {
        case language
        case enqueuePerSecond = "enqueue_per_second"
        case enqueueListOf100PerSecond = "enqueue_list_of_100_per_second"
    }
}

func text(_ key: String) -> NewOperation {
    Sms.send(to: "+254711222333", message: "School is closed tomorrow.", key: key)
}

/// Operations a second, counted over at least `seconds`, after a tenth of it to get warm.
func rate(seconds: Double, step: (Int) async throws -> Int) async throws -> Int {
    var (round, counted, began) = (0, 0, Date())
    var warm = false
    while true {
        counted += try await step(round)
        round += 1
        let passed = Date().timeIntervalSince(began)
        if !warm, passed > seconds / 10 {
            (counted, began, warm) = (0, Date(), true)
        } else if warm, passed > seconds {
            return Int(Double(counted) / passed)
        }
    }
}

func measure() async throws -> Figures {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tarishi-bench-\(UUID().uuidString)")
    // /tmp may be memory here, and a disk is what is measured.
    let place = ProcessInfo.processInfo.environment["TARISHI_FOLDER"].map { URL(fileURLWithPath: $0) } ?? folder
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: place) }
    var configuration = Configuration(
        database: place.appendingPathComponent("queue.db"), serverURL: URL(string: "http://server.invalid")!, tokens: StaticToken("t"))
    configuration.account = "bench"
    let client = try TarishiClient.open(configuration)
    let seconds = Double(ProcessInfo.processInfo.environment["TARISHI_SECONDS"] ?? "") ?? 5
    let single = try await rate(seconds: seconds) { round in
        try await client.enqueue(text("single-\(round)"))
        return 1
    }
    let listed = try await rate(seconds: seconds) { round in
        try await client.enqueue((0..<100).map { text("list-\(round)-\($0)") }).count
    }
    client.close()
    return Figures(enqueuePerSecond: single, enqueueListOf100PerSecond: listed)
}

print(String(decoding: try JSONEncoder().encode(try await measure()), as: UTF8.self))
