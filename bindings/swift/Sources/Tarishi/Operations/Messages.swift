// Messages to phones: `sms`, `whatsapp`, `push`.

import Foundation

/// Asks about messages it has sent. ``Sms``, ``Whatsapp`` and ``Push`` do. What every function takes besides its own is said at
/// ``PaymentAdapter``.
public protocol MessageAdapter {
    /// The adapter's name at the server.
    static var adapter: String { get }
}

/// Sends to phone numbers: ``Sms`` and ``Whatsapp``.
public protocol TextAdapter: MessageAdapter {}

/// Text messages.
public enum Sms: TextAdapter {
    /// `sms`.
    public static let adapter = "sms"
}

/// WhatsApp.
public enum Whatsapp: TextAdapter {
    /// `whatsapp`.
    public static let adapter = "whatsapp"
}

/// Push notifications.
public enum Push: MessageAdapter {
    /// `push`.
    public static let adapter = "push"
}

/// An approved message template.
public struct MessageTemplate: Sendable, Hashable, Encodable {
    /// Its name at the provider.
    public var name: String
    /// Its language: `en`, `sw`.
    public var language: String
    /// What is filled in, in order.
    public var params: [String]

    /// A template and what is filled in.
    public init(name: String, language: String, params: [String] = []) {
        self.name = name
        self.language = language
        self.params = params
    }
}

/// A picture or document by its address.
public struct MessageMedia: Sendable, Hashable, Encodable {
    /// Where it is.
    public var url: URL
    /// Shown below it.
    public var caption: String?

    /// A picture or document, with words below it.
    public init(url: URL, caption: String? = nil) {
        self.url = url
        self.caption = caption
    }

    /// As the protocol writes it.
    public func encode(to encoder: any Encoder) throws {
        try Body(dictionaryLiteral: ("url", url.absoluteString), ("caption", caption)).encode(to: encoder)
    }
}

/// Whom a push or a notification is for.
public enum Audience: Sendable, Hashable, Encodable {
    /// An account of the tenant.
    case user(String)
    /// One device.
    case device(String)
    /// A list of accounts.
    case list([String])

    /// As the protocol writes it.
    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .user(let account): try Body(dictionaryLiteral: ("user", account)).encode(to: encoder)
        case .device(let device): try Body(dictionaryLiteral: ("device", device)).encode(to: encoder)
        case .list(let accounts): try Body(dictionaryLiteral: ("list", accounts)).encode(to: encoder)
        }
    }
}

/// One phone is written as text, several as a list.
private struct Recipients: Encodable {
    let phones: [String]

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if phones.count == 1 { try container.encode(phones[0]) } else { try container.encode(phones) }
    }
}

extension MessageAdapter {
    /// Asks how the messages of a `send` of ours stand.
    public static func query(
        operation: UUID, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "operation_id": operation.text,
        ]
        return NewOperation(
            adapter, "query", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Asks how one message stands by the provider's id.
    public static func query(
        message: String, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "message_id": message,
        ]
        return NewOperation(
            adapter, "query", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }
}

extension TextAdapter {
    /// Sends a text to one phone or up to 100. `from` is the sender's id, `media` a picture or document.
    public static func send(
        to phones: [String], message: String, from: String? = nil, media: MessageMedia? = nil, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "to": Recipients(phones: phones),
            "message": message,
            "from": from,
            "media": media,
        ]
        return NewOperation(
            adapter, "send", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Sends a text to one phone.
    public static func send(
        to phone: String, message: String, from: String? = nil, media: MessageMedia? = nil, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "to": phone,
            "message": message,
            "from": from,
            "media": media,
        ]
        return NewOperation(
            adapter, "send", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Sends an approved template to one phone or up to 100.
    public static func send(
        to phones: [String], template: MessageTemplate, from: String? = nil, media: MessageMedia? = nil, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "to": Recipients(phones: phones),
            "template": template,
            "from": from,
            "media": media,
        ]
        return NewOperation(
            adapter, "send", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Sends an approved template to one phone.
    public static func send(
        to phone: String, template: MessageTemplate, from: String? = nil, media: MessageMedia? = nil, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "to": phone,
            "template": template,
            "from": from,
            "media": media,
        ]
        return NewOperation(
            adapter, "send", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }
}

extension TextAdapter {
    /// Asks what the account at the provider holds. WhatsApp has none: it ends as `unsupported`, with what was spent by the
    /// server's books.
    public static func balance(
        key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [:]
        return NewOperation(
            adapter, "balance", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }
}

extension Push {
    /// Sends a push notification. `data` is for the app.
    public static func send(
        to audience: Audience, title: String, body text: String, data: [String: JSONValue]? = nil, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "to": audience,
            "title": title,
            "body": text,
            "data": data,
        ]
        return NewOperation(
            adapter, "send", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }
}
