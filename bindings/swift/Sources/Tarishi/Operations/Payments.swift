// Payments: `mpesa`, `flutterwave`, `pesapal`. All take the same payloads.

import Foundation

/// Collects payments. ``Mpesa``, ``Flutterwave`` and ``Pesapal`` are the adapters there are.
///
/// Every function describes an operation, which ``TarishiClient/enqueue(_:)-(NewOperation)`` stores. All take these besides their
/// own: `key`, the idempotency key, named after what is done, of which a charge and a refund need one: the same key twice is the
/// same payment; `orderingKey`, operations of which run in the order of enqueue; `onFailure`, what a failure does to those behind
/// it; `priority` on this device; `ttl`, seconds it may wait before it begins, 7 days if `nil`; `after`, the operation that must
/// end first.
public protocol PaymentAdapter {
    /// The adapter's name at the server.
    static var adapter: String { get }
}

/// Safaricom's M-Pesa: a prompt on the payer's phone.
public enum Mpesa: PaymentAdapter {
    /// `mpesa`.
    public static let adapter = "mpesa"
}

/// Flutterwave: mobile money or a hosted page.
public enum Flutterwave: PaymentAdapter {
    /// `flutterwave`.
    public static let adapter = "flutterwave"
}

/// Pesapal: a hosted page.
public enum Pesapal: PaymentAdapter {
    /// `pesapal`.
    public static let adapter = "pesapal"
}

/// How a payer pays.
public enum PaymentMethod: String, Sendable, Hashable, Encodable {
    /// A prompt on the payer's phone.
    case mobileMoney = "mobile_money"
    /// A hosted page; see ``OperationState/checkoutURL``.
    case link
}

extension PaymentAdapter {
    /// Collects a payment. `reference` is what it is for in your books; at most one payment for it is under way. `phone` is who
    /// pays and is needed for mobile money; `description` is shown to the payer where the provider allows; `email` is the
    /// payer's, `returnURL` where a page returns to, both for hosted pages; `network` is the phone's
    /// mobile-money network (`MTN`), for Flutterwave outside Kenya.
    public static func charge(
        amount: Money, phone: String? = nil, reference: String, description: String? = nil, email: String? = nil,
        method: PaymentMethod? = nil, returnURL: URL? = nil, key: String, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil,
        network: String? = nil
    ) -> NewOperation {
        let body: Body = [
            "amount": amount,
            "phone": phone,
            "reference": reference,
            "description": description,
            "email": email,
            "method": method,
            "return_url": returnURL?.absoluteString,
            "network": network,
        ]
        return NewOperation(
            adapter, "charge", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Asks how a charge or a refund of ours stands.
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

    /// Asks how a payment stands by the provider's receipt.
    public static func query(
        receipt: String, key: String? = nil, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "receipt": receipt,
        ]
        return NewOperation(
            adapter, "query", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Gives a charge of ours back: `amount`, or all of it. `reason` is kept in the books.
    public static func refund(
        operation: UUID, amount: Money? = nil, reason: String, key: String, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "operation_id": operation.text,
            "amount": amount,
            "reason": reason,
        ]
        return NewOperation(
            adapter, "refund", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }

    /// Gives a payment back by the provider's receipt: `amount`, or all of it. `reason` is kept in the books.
    public static func refund(
        receipt: String, amount: Money? = nil, reason: String, key: String, orderingKey: String? = nil, onFailure: OnFailure = .continue,
        priority: Priority = .normal, ttl: TimeInterval? = nil, after: After? = nil
    ) -> NewOperation {
        let body: Body = [
            "receipt": receipt,
            "amount": amount,
            "reason": reason,
        ]
        return NewOperation(
            adapter, "refund", body, key: key, orderingKey: orderingKey, onFailure: onFailure, priority: priority, ttl: ttl, after: after)
    }
}
