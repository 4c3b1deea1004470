// What a step gave against what it expects. The rules are those of tests/scenarios/README.md.

import Tarishi

/// What a test could not do, in words.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

extension JSONValue {
    subscript(field: String) -> JSONValue {
        if case .object(let fields) = self { return fields[field] ?? .null }
        return .null
    }

    var text: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    /// As JSON text, for messages and payloads.
    var written: String {
        (try? NewOperation(adapter: "", action: "", body: self).payload) ?? "?"
    }
}

/// Throws if it does not match, and says where.
func match(_ expected: JSONValue, _ actual: JSONValue, names: [String: String], at path: String = "") throws {
    func differs(_ what: String) -> Failure {
        Failure("\(path.isEmpty ? "the result" : path): expected \(what), got \(actual.written)")
    }
    switch (expected, actual) {
    case (.object(let fields), _) where fields.keys.contains(where: { $0.hasPrefix("$") }):
        for (name, argument) in fields { try holds(name, argument, actual, names: names, at: path) }
    case (.object(let fields), .object(let got)):
        for (name, expected) in fields { try match(expected, got[name] ?? .null, names: names, at: "\(path).\(name)") }
    case (.array(let items), .array(let got)) where items.count == got.count:
        for (index, item) in items.enumerated() { try match(item, got[index], names: names, at: "\(path)[\(index)]") }
    case (.array(let items), _):
        throw differs("an array of \(items.count)")
    case (.string(let text), _) where text.hasPrefix("$"):
        guard let id = names[String(text.dropFirst())] else { throw differs("\(text), which no step named") }
        guard actual.text == id else { throw differs("\(text) = \(id)") }
    default:
        guard expected == actual else { throw differs(expected.written) }
    }
}

private func holds(_ name: String, _ argument: JSONValue, _ actual: JSONValue, names: [String: String], at path: String) throws {
    let matches = { (item: JSONValue) in (try? match(argument, item, names: names, at: path)) != nil }
    let held: Bool
    switch (name, actual) {
    case ("$any", _): held = actual != .null
    case ("$contains", .array(let items)): held = items.contains(where: matches)
    case ("$contains", .string(let text)): held = argument.text.map(text.contains) ?? false
    case ("$not", _): held = !matches(actual)
    case ("$length", .array(let items)): held = argument == .integer(Int64(items.count))
    case ("$length", .string(let text)): held = argument == .integer(Int64(text.unicodeScalars.count))
    case ("$gte", .integer(let number)):
        if case .integer(let least) = argument { held = number >= least } else { held = false }
    case ("$contains", _), ("$length", _), ("$gte", _): held = false
    default: throw Failure("\(path): no such operator: \(name)")
    }
    guard held else { throw Failure("\(path): expected \(name) \(argument.written), got \(actual.written)") }
}
