// The files of tests/scenarios, read strictly: an unknown field is an error, so that no runner passes over what it does not know.

import Foundation
import Tarishi
import Testing

/// The fields of a JSON object, each to be taken once.
struct Fields {
    private var left: [String: JSONValue]

    init(_ value: JSONValue) throws {
        guard case .object(let fields) = value else { throw Failure("expected an object, got \(value.written)") }
        left = fields
    }

    /// The value as it stands; null and nothing are told apart.
    mutating func take(_ name: String) -> JSONValue? {
        left.removeValue(forKey: name)
    }

    private mutating func value(_ name: String) -> JSONValue? {
        take(name).flatMap { $0 == .null ? nil : $0 }
    }

    mutating func string(_ name: String) throws -> String? {
        guard let value = value(name) else { return nil }
        guard let text = value.text else { throw Failure("\(name) is no text") }
        return text
    }

    mutating func integer(_ name: String) throws -> Int64? {
        guard let value = value(name) else { return nil }
        guard case .integer(let number) = value else { throw Failure("\(name) is no number") }
        return number
    }

    /// Milliseconds, as seconds.
    mutating func duration(_ name: String) throws -> TimeInterval? {
        try integer(name).map { TimeInterval($0) / 1000 }
    }

    mutating func bool(_ name: String) throws -> Bool? {
        guard let value = value(name) else { return nil }
        guard case .bool(let truth) = value else { throw Failure("\(name) is neither true nor false") }
        return truth
    }

    mutating func array(_ name: String) throws -> [JSONValue]? {
        guard let value = value(name) else { return nil }
        guard case .array(let items) = value else { throw Failure("\(name) is no array") }
        return items
    }

    mutating func date(_ name: String) throws -> Date? {
        guard let text = try string(name) else { return nil }
        return try Date(text, strategy: .iso8601)
    }

    func needed<Value>(_ value: Value?, _ name: String) throws -> Value {
        guard let value else { throw Failure("\(name) is missing") }
        return value
    }

    /// Nothing was left over.
    func end() throws {
        guard left.isEmpty else { throw Failure("unknown fields: \(left.keys.sorted().joined(separator: ", "))") }
    }
}

/// How the client of a scenario is opened.
struct ScenarioOptions: Sendable {
    var account: String?
    var quotaOperations: UInt64?
    var syncOnMetered: Bool?
    var meteredBytesPerDay: UInt64?
    var retention: TimeInterval?
    var seal = false
    var clock: Date?

    init(_ value: JSONValue?) throws {
        guard let value else { return }
        var fields = try Fields(value)
        account = try fields.string("account")
        quotaOperations = try fields.integer("quota_operations").map(UInt64.init)
        syncOnMetered = try fields.bool("sync_on_metered")
        meteredBytesPerDay = try fields.integer("metered_bytes_per_day").map(UInt64.init)
        retention = try fields.duration("retention_ms")
        seal = try fields.bool("seal") ?? false
        clock = try fields.date("clock")
        try fields.end()
    }
}

/// One scenario.
struct Scenario: Sendable, CustomTestStringConvertible {
    let name: String
    let options: ScenarioOptions
    let steps: [JSONValue]

    var testDescription: String { name }

    init(_ data: Data) throws {
        var fields = try Fields(try JSONDecoder().decode(JSONValue.self, from: data))
        name = try fields.needed(fields.string("name"), "name")
        _ = try fields.needed(fields.string("why"), "why")
        options = try ScenarioOptions(fields.take("options"))
        steps = try fields.array("steps") ?? []
        try fields.end()
    }

    /// The folder of the scenarios.
    static var folder: URL {
        let environment = ProcessInfo.processInfo.environment
        if let folder = environment["TARISHI_SCENARIOS"] { return URL(fileURLWithPath: folder) }
        return Project.root.appendingPathComponent("tests/scenarios")
    }

    /// Every file, in the order of its name. A file that cannot be read stops everything.
    static let all: [Scenario] = {
        do {
            let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            return try files.filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }.map { file in
                do {
                    return try Scenario(Data(contentsOf: file))
                } catch {
                    throw Failure("\(file.lastPathComponent): \(error)")
                }
            }
        } catch {
            fatalError("the scenarios cannot be read: \(error)")
        }
    }()
}

/// The project that the package is in.
enum Project {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../../../..").standardizedFileURL
}
