// A server in memory, with a script. Each call below adds one step; each request to sync takes one, and after the last the server is
// friendly: it accepts everything.

import Foundation
import Tarishi

/// A server for tests.
public final class TestServer: Sendable {
    /// The library's own half of it.
    public let scripted: ScriptedServer

    /// A friendly server.
    public init() {
        scripted = ScriptedServer()
    }

    /// The next request is answered as a friendly server does.
    public func accept() {
        step([:])
    }

    /// The next request's operation of this key is refused for good. `key` "*" means each one.
    public func refuse(key: String, field: String? = nil, code: String, detail: String = "") {
        step(["receipts": [["key": .string(key), "status": "refused", "problem": problem(code, field, detail)]]])
    }

    /// The next request's operation of this key is to be sent again later.
    public func later(key: String, code: String = "rate_limited", retryAfter: TimeInterval? = nil) {
        var receipt: [String: JSONValue] = ["key": .string(key), "status": "later", "problem": problem(code, nil, "")]
        if let retryAfter { receipt["retry_after_ms"] = .integer(Int64(retryAfter * 1000)) }
        step(["receipts": [.object(receipt)]])
    }

    /// With the next answer comes the news that the operation of this key has succeeded.
    public func succeed(key: String, outcome: JSONValue = [:]) {
        change(key: key, state: .succeeded, outcome: outcome)
    }

    /// With the next answer comes the news that the operation of this key has failed.
    public func fail(key: String, field: String? = nil, code: String, detail: String = "") {
        step(["changes": [["key": .string(key), "state": "failed", "problem": problem(code, field, detail)]]])
    }

    /// With the next answer comes a page that the payer must open.
    public func checkout(key: String, url: URL) {
        change(key: key, state: .waiting, outcome: ["interim": ["open_url": ["url": .string(url.absoluteString)]]])
    }

    /// With the next answer comes the news that the operation of this key stands there now.
    public func change(key: String, state: DeviceState, outcome: JSONValue? = nil) {
        var change: [String: JSONValue] = ["key": .string(key), "state": .string(state.word)]
        change["outcome"] = outcome
        step(["changes": [.object(change)]])
    }

    /// The next request gets a bare status, such as 503; `retryAfter` in seconds.
    public func status(_ status: Int, retryAfter: Int? = nil) {
        var said: [String: JSONValue] = ["status": .integer(Int64(status))]
        if let retryAfter { said["headers"] = ["retry-after": .string(String(retryAfter))] }
        step(said)
    }

    /// The next request gets a page of HTML, as from a hotel's network that wants a click first.
    public func captivePortal() {
        step(["status": 200, "headers": ["content-type": "text/html"], "body": "<html>Welcome! Click to go online.</html>"])
    }

    /// The next request is worked on, and its answer is lost.
    public func loseAnswer() {
        step(["drop": "after"])
    }

    /// The next request never arrives.
    public func loseRequest() {
        step(["drop": "before"])
    }

    /// The next request gets no answer until the phone gives up.
    public func hang() {
        step(["hang": true])
    }

    /// The library itself fails during the next request: what an app sees of a defect in it.
    public func panic() {
        step(["panic": true])
    }

    /// With the next answer comes another token to use.
    public func rotate(token: String) {
        step(["token": .string(token)])
    }

    /// A step of your own. An unknown field stops the test.
    public func step(_ step: [String: JSONValue]) {
        do {
            try script([.object(step)])
        } catch {
            preconditionFailure("a step of the server's script is wrong: \(error)")
        }
    }

    /// Adds steps as JSON text, an array.
    ///
    /// - Throws: `ClientError.FixInput` that names the field at fault.
    public func script(_ steps: [JSONValue]) throws {
        try scripted.script(steps: String(decoding: JSONEncoder().encode(steps), as: UTF8.self))
    }

    /// Nothing reaches the server while it is so.
    public func unreachable(_ unreachable: Bool) {
        scripted.setUnreachable(unreachable: unreachable)
    }

    /// The tokens that the server takes; every token if `nil`.
    public func accept(tokens: [String]?) {
        scripted.setTokens(tokens: tokens)
    }

    /// What it was asked so far.
    public var requests: [TestRequest] {
        (try? JSONDecoder().decode([TestRequest].self, from: Data(scripted.requests().utf8))) ?? []
    }

    private func problem(_ code: String, _ field: String?, _ detail: String) -> JSONValue {
        var problem: [String: JSONValue] = ["code": .string(code), "detail": .string(detail)]
        if let field { problem["field"] = .string(field) }
        return .object(problem)
    }
}

/// One request to sync, as the server saw it.
public struct TestRequest: Sendable, Decodable {
    /// The token.
    public let token: String
    /// The operations in it.
    public let operations: [TestOperation]
    /// The keys of those that it asks to cancel.
    public let cancellations: [String]
}

/// One operation in a request.
public struct TestOperation: Sendable, Decodable {
    /// Names the utterance.
    public let id: UUID
    /// Names the effect.
    public let key: String
    /// The provider's adapter.
    public let adapter: String
    /// What is asked of it.
    public let action: String
    /// The payload.
    public let payload: JSONValue
}
