// What bindings/examples/rate.rs does in Rust: enqueues one by one and in lists, in turn, and prints one line of JSON.

import Foundation
import Tarishi

let warmUp = 200
let single = 2_000
let lists = 100
let list = 100
let filler = String(repeating: "word ", count: 70)

func operation(_ n: Int) -> NewOperation {
    let number = String(repeating: "0", count: 10 - String(n).count) + String(n)
    return Sms.send(to: "+254711000111", message: "\(number) \(filler)", key: "rate-\(n)")
}

func perSecond(_ count: Int, since began: Date) -> Int {
    Int(Double(count) / Date().timeIntervalSince(began))
}

func measure(in folder: URL) async throws -> String {
    var configuration = Configuration(
        database: folder.appendingPathComponent("rate.db"), serverURL: URL(string: "http://127.0.0.1:9")!, tokens: StaticToken("none"))
    configuration.account = "acc_rate"
    let client = try TarishiClient.open(configuration)
    defer { client.close() }
    var next = 0
    func taken() -> NewOperation {
        defer { next += 1 }
        return operation(next)
    }
    for _ in 0..<warmUp { try await client.enqueue(taken()) }
    var began = Date()
    for _ in 0..<single { try await client.enqueue(taken()) }
    let one = perSecond(single, since: began)
    began = Date()
    for _ in 0..<lists {
        for result in try await client.enqueue((0..<list).map { _ in taken() }) { _ = try result.get() }
    }
    return #"{"single_per_sec": \#(one), "list_per_sec": \#(perSecond(lists * list, since: began))}"#
}

// On the disk: /tmp may be memory.
let place = ProcessInfo.processInfo.environment["TARISHI_FOLDER"].map { URL(fileURLWithPath: $0) }
let folder = (place ?? FileManager.default.temporaryDirectory).appendingPathComponent("rate-\(UUID().uuidString)")
try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
defer { try? FileManager.default.removeItem(at: folder) }
print(try await measure(in: folder))
