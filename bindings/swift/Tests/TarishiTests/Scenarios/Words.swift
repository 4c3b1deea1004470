// What calls give, as JSON in the words of the scenarios.

import Foundation
import Tarishi

enum Words {
    static func id(_ id: UUID) -> JSONValue { .string(id.uuidString.lowercased()) }

    private static func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }

    private static func json(_ text: String?) -> JSONValue {
        text.flatMap { try? JSONDecoder().decode(JSONValue.self, from: Data($0.utf8)) } ?? .null
    }

    static func record(_ record: OperationRecord) -> JSONValue {
        [
            "id": id(record.id), "key": .string(record.key), "adapter": .string(record.adapter), "action": .string(record.action),
            "state": .string(record.state.word), "ordering_key": text(record.orderingKey), "payload": json(record.payload),
            "outcome": json(record.outcome), "problem": record.problem.map(problem) ?? .null,
            "origin": record.origin == .device ? "device" : "server", "cancel_requested": .bool(record.cancelRequested),
            "retry_of": record.retryOf.map(id) ?? .null, "replaces": record.replaces.map(id) ?? .null,
            "seq": .integer(Int64(record.seq)),
        ]
    }

    private static func problem(_ problem: Problem) -> JSONValue {
        [
            "type": .string(problem.kind), "code": .string(problem.code), "status": .integer(Int64(problem.status)),
            "detail": .string(problem.detail), "retryable": .bool(problem.retryable), "field": text(problem.field),
            "retry_after_ms": problem.retryAfterMs.map { .integer(Int64($0)) } ?? .null, "provider_code": text(problem.providerCode),
        ]
    }

    static func report(_ report: SyncReport) -> JSONValue {
        [
            "exchanges": .integer(Int64(report.exchanges)), "accepted": .integer(Int64(report.accepted)),
            "refused": .integer(Int64(report.refused)), "pending": .integer(Int64(report.pending)),
            "bytes_up": .integer(Int64(report.bytesUp)), "bytes_down": .integer(Int64(report.bytesDown)),
            "complete": .bool(report.complete), "reason": report.reason.map { .string(reason($0)) } ?? .null,
        ]
    }

    static func cancelled(_ outcome: CancelOutcome) -> JSONValue {
        switch outcome {
        case .cancelled: ["outcome": "cancelled"]
        case .requested: ["outcome": "requested"]
        case .tooLate: ["outcome": "too_late"]
        }
    }

    static func why(_ why: Why) -> JSONValue {
        ["reason": .string(reason(why.reason)), "behind": why.behind.map(id) ?? .null]
    }

    static func reason(_ reason: WhyReason) -> String {
        switch reason {
        case .notWaiting: "not_waiting"
        case .offline: "offline"
        case .metered: "metered"
        case .backingOff: "backing_off"
        case .behind: "behind"
        case .paymentInFlight: "payment_in_flight"
        case .needsAuth: "needs_auth"
        case .pausedByServer: "paused_by_server"
        case .atServer: "at_server"
        case .atProvider: "at_provider"
        case .unresolved: "unresolved"
        case .after: "after"
        case .suspended: "suspended"
        case .upgradeRequired: "upgrade_required"
        case .serverError: "server_error"
        case .ready: "ready"
        }
    }

    static func left(_ report: LogoutReport) -> JSONValue {
        [
            "never_sent": .integer(Int64(report.neverSent)), "maybe_sent": .integer(Int64(report.maybeSent)),
            "running": .integer(Int64(report.running)),
        ]
    }

    static func stats(_ stats: [DeviceState: Int]) -> JSONValue {
        .object(Dictionary(uniqueKeysWithValues: stats.map { ($0.key.word, .integer(Int64($0.value))) }))
    }

    static func event(_ event: Event) -> JSONValue {
        switch event {
        case .operationChanged(let id, let state): ["event": "operation_changed", "of": self.id(id), "state": .string(state.word)]
        case .needsAuth: ["event": "needs_auth"]
        case .upgradeRequired: ["event": "upgrade_required"]
        case .copiedDevice: ["event": "copied_device"]
        case .report: ["event": "report"]
        }
    }

    static func error(_ error: ClientError) -> JSONValue {
        switch error {
        case .SignIn: ["kind": "sign_in"]
        case .Wait: ["kind": "wait"]
        case .FixInput(let field, let code, _): ["kind": "fix_input", "field": .string(field), "code": .string(code)]
        case .NotAllowed: ["kind": "not_allowed"]
        case .Storage: ["kind": "storage"]
        case .Upgrade: ["kind": "upgrade"]
        case .NewDevice: ["kind": "new_device"]
        case .NotOpen: ["kind": "not_open"]
        case .Stopped: ["kind": "stopped"]
        case .Bug: ["kind": "bug"]
        }
    }
}
