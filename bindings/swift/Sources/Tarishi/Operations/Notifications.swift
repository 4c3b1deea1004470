// Notifications on the best channel: `notifications`.

import Foundation

/// Reaches a person on the best channel: push, WhatsApp, SMS or e-mail, as the server's routes say. What every function takes
/// besides its own is said at ``PaymentAdapter``.
public enum Notifications {
    /// `notifications`.
    public static let adapter = "notifications"
}

extension Notifications {
    /// Notifies. `type` chooses texts and route, `data` fills the texts; equal `dedupeKey`s in a short time are one.
    public static func notify(
        type: String, to audience: Audience, data: [String: JSONValue] = [:], dedupeKey: String? = nil, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "type": type,
            "to": audience,
            "data": data,
            "dedupe_key": dedupeKey,
        ]
        return NewOperation(
            adapter, "notify", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }
}
