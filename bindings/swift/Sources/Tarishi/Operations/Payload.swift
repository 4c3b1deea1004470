// How payloads become JSON text. The library stores and sends that text verbatim.

import Foundation

extension NewOperation {
    /// An operation of an adapter that has no typed functions here, with a payload of your own.
    ///
    /// ```swift
    /// try NewOperation(adapter: "tides", action: "ask", body: Question(port: "Mombasa"))
    /// ```
    ///
    /// - Throws: what `body` throws when it is encoded.
    public init(
        adapter: String, action: String, body: some Encodable, key: String? = nil, orderingKey: String? = nil,
        onFailure: OnFailure = .continue, priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) throws {
        self.init(
            adapter: adapter, action: action, payload: try json(body), onFailure: onFailure, priority: priority, key: key,
            orderingKey: orderingKey, ttl: ttl, after: after)
    }

    /// A payload of ours: made of text, whole numbers, truth and lists, which always can be encoded.
    init(
        _ adapter: String, _ action: String, _ body: some Encodable, key: String?, orderingKey: String?, onFailure: OnFailure,
        priority: Priority, ttl: TimeInterval?, after: After?
    ) {
        do {
            try self.init(
                adapter: adapter, action: action, body: body, key: key, orderingKey: orderingKey, onFailure: onFailure,
                priority: priority, ttl: ttl, after: after)
        } catch {
            preconditionFailure("a payload of \(adapter).\(action) could not be encoded")
        }
    }
}

private func json(_ body: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    // The same payload is always the same text: a key used again is compared by it.
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(body), as: UTF8.self)
}

/// Names a field as the protocol does.
struct Field: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) {
        self.stringValue = stringValue
    }

    init?(intValue: Int) {
        nil
    }
}

/// A JSON object of named fields; those without a value are left out.
struct Body: Encodable, ExpressibleByDictionaryLiteral {
    private let fields: [(String, (any Encodable)?)]

    init(dictionaryLiteral fields: (String, (any Encodable)?)...) {
        self.fields = fields
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Field.self)
        for case (let name, let value?) in fields {
            try container.encode(value, forKey: Field(stringValue: name))
        }
    }
}

extension Money: Encodable {
    /// As the protocol writes it; the amount is text.
    public func encode(to encoder: any Encoder) throws {
        try Body(dictionaryLiteral: ("amount", amount), ("currency", currency)).encode(to: encoder)
    }
}

extension UUID {
    /// As the protocol writes it.
    var text: String { uuidString.lowercased() }
}
