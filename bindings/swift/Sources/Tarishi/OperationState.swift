// Where an operation or the whole queue stands, as a screen shows it.

import Foundation

/// Where one operation stands.
public struct OperationState: Sendable, Equatable {
    /// All that the device knows of it.
    public let record: OperationRecord
    /// What it led to, with a type; while it waits, what there is to do meanwhile, such as a page to open.
    public let outcome: Outcome?

    /// Reads a record.
    public init(_ record: OperationRecord) {
        self.record = record
        outcome = record.typedOutcome
    }

    /// Names the operation.
    public var id: UUID { record.id }
    /// Where it stands.
    public var state: DeviceState { record.state }
    /// Nothing more happens to it, but for a receipt that comes late.
    public var ended: Bool { record.state.ended }
    /// Why it failed, was refused, or must come later.
    public var problem: Problem? { record.problem }
    /// The page that the payer must open, while there is one.
    public var checkoutURL: URL? {
        guard !ended, case .openUrl(let url, _) = outcome else { return nil }
        return URL(string: url)
    }
}

extension OperationRecord {
    /// The outcome with a type.
    public var typedOutcome: Outcome? {
        outcome.map { readOutcome(adapter: adapter, action: action, outcome: $0) }
    }
}

extension DeviceState: CaseIterable {
    /// All, in the order of an operation's life.
    public static let allCases: [DeviceState] = [
        .pending, .inFlight, .accepted, .waiting, .unresolved, .succeeded, .failed, .refused, .cancelled, .expired, .dead,
    ]

    /// The protocol's word: `in_flight`.
    public var word: String {
        switch self {
        case .pending: "pending"
        case .inFlight: "in_flight"
        case .accepted: "accepted"
        case .waiting: "waiting"
        case .unresolved: "unresolved"
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .refused: "refused"
        case .cancelled: "cancelled"
        case .expired: "expired"
        case .dead: "dead"
        }
    }

    /// The state of a word of the protocol.
    public init?(word: String) {
        guard let state = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = state
    }

    /// Nothing more happens to it.
    public var ended: Bool {
        switch self {
        case .pending, .inFlight, .accepted, .waiting, .unresolved: false
        case .succeeded, .failed, .refused, .cancelled, .expired, .dead: true
        }
    }
}

/// How the whole queue stands.
public struct QueueState: Sendable, Equatable {
    /// Why nothing is synced until somebody acts.
    public enum Pause: Sendable, Equatable {
        /// Let the person sign in, then call ``TarishiClient/tokenChanged()``.
        case signIn
        /// Offer the newer version of the app.
        case upgrade
        /// The database is a copy of another phone's.
        case newDevice
    }

    /// How many operations stand where.
    public let counts: [DeviceState: Int]
    /// Why nothing is synced, if so.
    public let pause: Pause?
    /// How the last run of sync went, if there was one since the client was opened.
    public let lastReport: SyncReport?

    /// How many stand there.
    public subscript(state: DeviceState) -> Int { counts[state] ?? 0 }
    /// Only on this phone: never sent.
    public var unsent: Int { self[.pending] }
    /// Have not ended.
    public var open: Int { DeviceState.allCases.filter { !$0.ended }.reduce(0) { $0 + self[$1] } }
    /// The outcome is unknown and a human is asked.
    public var unresolved: Int { self[.unresolved] }
}
