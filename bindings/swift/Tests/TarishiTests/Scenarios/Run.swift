// Carries out one scenario and says at which step it went another way.

import Foundation
import Tarishi
import TarishiTestKit

/// What the steps of a scenario work with.
final class Run {
    /// How long `events` waits for what it expects, and `until` for its state.
    private static let eventsWait: TimeInterval = 5
    private static let untilWait: TimeInterval = 10

    private let server: ScenarioServer
    private let device: Device
    private var names: [String: String] = [:]

    static func carryOut(_ scenario: Scenario, _ road: Road) async throws {
        let server = try await ScenarioServer.begin(road)
        let run = Run(server, try Device(scenario.options, road: road, server: server))
        for (index, step) in scenario.steps.enumerated() {
            do {
                try await run.carryOut(step)
            } catch {
                throw Failure("step \(index + 1) (\(step["do"].text ?? "?")): \(error)")
            }
        }
    }

    private init(_ server: ScenarioServer, _ device: Device) {
        self.server = server
        self.device = device
    }

    private func carryOut(_ step: JSONValue) async throws {
        var fields = try Fields(step)
        let (expect, error) = (fields.take("expect"), fields.take("error"))
        let verb = try fields.needed(fields.string("do"), "do")
        let got: JSONValue
        do {
            got = try await act(verb, &fields, expect: expect)
        } catch let thrown as ClientError {
            let said = Words.error(thrown)
            guard let error else { throw Failure("\(said.written): \(thrown)") }
            return try match(error, said, names: names)
        }
        if let error { throw Failure("expected the error \(error.written), got \(got.written)") }
        if let expect { try match(expect, got, names: names) }
    }

    private func act(_ verb: String, _ fields: inout Fields, expect: JSONValue?) async throws -> JSONValue {
        let client = device.client
        switch verb {
        case "enqueue":
            let (operation, name) = try operation(&fields)
            return name(try await client.enqueue(operation))
        case "enqueue_many":
            let said = try fields.array("operations") ?? []
            try fields.end()
            let new = try said.map { value in
                var fields = try Fields(value)
                return try operation(&fields)
            }
            let stored = try await client.enqueue(new.map(\.0))
            return .array(
                zip(new, stored).map { new, stored in
                    switch stored {
                    case .success(let record): new.1(record)
                    case .failure(let error): ["error": Words.error(error)]
                    }
                })
        case "get":
            return try await client.get(taken(&fields)).map(Words.record) ?? .null
        case "list":
            let states = try fields.array("states")?.map { value in
                guard let state = value.text.flatMap(DeviceState.init(word:)) else { throw Failure("no state: \(value.written)") }
                return state
            }
            let filter = Filter(
                states: states ?? [], orderingKey: try fields.string("ordering_key"), adapter: try fields.string("adapter"),
                limit: try fields.integer("limit").map(UInt32.init))
            try fields.end()
            return .array(try await client.list(filter).map(Words.record))
        case "cancel":
            return Words.cancelled(try await client.cancel(taken(&fields)))
        case "replace":
            let (payload, name) = (fields.take("payload") ?? .null, try fields.string("as"))
            let new = NewOperation(adapter: "", action: "", payload: payload.written, onFailure: .continue, priority: .normal)
            return named(name)(try await client.replace(taken(&fields), with: new))
        case "retry":
            let name = try fields.string("as")
            return named(name)(try await client.retry(taken(&fields)))
        case "why":
            return Words.why(try await client.why(taken(&fields)))
        case "until":
            let word = try fields.needed(fields.string("state"), "state")
            return try await until(taken(&fields), word)
        case "requests":
            try fields.end()
            return try await server.requests()
        case "events":
            try fields.end()
            return try await events(expect)
        default:
            return try await actOnClient(verb, &fields)
        }
    }

    private func actOnClient(_ verb: String, _ fields: inout Fields) async throws -> JSONValue {
        let client = device.client
        switch verb {
        case "sync":
            let deadline = try fields.duration("deadline_ms") ?? 10
            try fields.end()
            return Words.report(try await client.sync(deadline: deadline))
        case "stats":
            try fields.end()
            return Words.stats(try await client.stats())
        case "report":
            try fields.end()
            return .string(try await client.report())
        case "account":
            try fields.end()
            return .string(try await client.account())
        case "logout":
            let how = try fields.needed(fields.string("how"), "how")
            let deadline = try fields.duration("deadline_ms") ?? 10
            try fields.end()
            switch how {
            case "drain": return Words.left(try await client.logout(.drain(deadline: deadline)))
            case "keep": return Words.left(try await client.logout(.keep))
            case "discard": return Words.left(try await client.logout(.discard))
            default: throw Failure("no way to sign out: \(how)")
            }
        case "suspend":
            let deadline = try fields.duration("deadline_ms") ?? 5
            try fields.end()
            try await client.suspend(deadline: deadline)
        case "resume":
            try fields.end()
            try await client.resume()
        case "start":
            try fields.end()
            try client.start()
        case "stop":
            try fields.end()
            try await client.stop()
        case "foreground":
            let foreground = try fields.needed(fields.bool("to"), "to")
            try fields.end()
            try client.setForeground(foreground)
        case "notification":
            let (id, event) = (try fields.needed(fields.string("id"), "id"), try fields.needed(fields.string("event"), "event"))
            try fields.end()
            switch event {
            case "received": return .bool(try await client.notificationReceived(id))
            case "opened": try await client.notificationOpened(id)
            default: throw Failure("no event of a notification: \(event)")
            }
        case "notification_known":
            let id = try fields.needed(fields.string("id"), "id")
            try fields.end()
            return .bool(try await client.notificationKnown(id))
        default:
            try await actAround(verb, &fields)
        }
        return .null
    }

    private func actAround(_ verb: String, _ fields: inout Fields) async throws {
        switch verb {
        case "network":
            let networks: [String: Network] = ["unknown": .unknown, "offline": .offline, "metered": .metered, "unmetered": .unmetered]
            let network = try fields.needed(fields.string("to").flatMap { networks[$0] }, "to")
            try fields.end()
            try device.client.setNetwork(network)
        case "tokens":
            let current = try fields.string("current")
            let next = try fields.array("next")?.compactMap(\.text) ?? []
            let (signIn, changed) = (try fields.bool("sign_in") ?? false, try fields.bool("changed") ?? false)
            try fields.end()
            device.tokens.now.withLock { now in
                now.current = current ?? now.current
                (now.next, now.signIn) = (next, signIn)
            }
            if changed { try device.client.tokenChanged() }
        case "clock":
            let clock = try fields.needed(device.clock, "the scenario's clock")
            if let advance = try fields.duration("advance_ms") { clock.advance(by: advance) }
            if let set = try fields.date("set") { clock.setWallMs(wallMs: Int64(set.timeIntervalSince1970 * 1000)) }
            if try fields.bool("reboot") == true { clock.reboot() }
            try fields.end()
        case "server":
            if let steps = try fields.array("script") { try await server.script(steps) }
            if let unreachable = try fields.bool("unreachable") { try await server.set(unreachable: unreachable) }
            switch fields.take("tokens") {
            case nil: break
            case .array(let tokens): try await server.set(tokens: tokens.compactMap(\.text))
            case .some: try await server.set(tokens: nil)
            }
            try fields.end()
        case "close_and_open":
            try fields.end()
            try device.closeAndOpen()
        case "crash_and_open":
            try fields.end()
            try device.crashAndOpen()
        default:
            throw Failure("no such verb")
        }
    }

    /// Everything so far, once it is as expected or the time is up.
    private func events(_ expect: JSONValue?) async throws -> JSONValue {
        let end = Date(timeIntervalSinceNow: Self.eventsWait)
        while let expect, Date() < end, (try? match(expect, device.log.all, names: names)) == nil {
            try await Task.sleep(nanoseconds: 2_000_000)
        }
        return device.log.all
    }

    /// Waits until an operation stands so.
    private func until(_ id: UUID, _ word: String) async throws -> JSONValue {
        let end = Date(timeIntervalSinceNow: Self.untilWait)
        var last: OperationRecord?
        while Date() < end {
            last = try await device.client.get(id)
            if let last, last.state.word == word { return Words.record(last) }
            try await Task.sleep(nanoseconds: 2_000_000)
        }
        throw Failure("after \(Int(Self.untilWait)) s it is \(last?.state.word ?? "gone")")
    }

    /// The operation that a step speaks of, its last field.
    private func taken(_ fields: inout Fields) throws -> UUID {
        let id = try id(fields.needed(fields.string("of"), "of"))
        try fields.end()
        return id
    }

    private func id(_ name: String) throws -> UUID {
        guard let id = names[name].flatMap(UUID.init(uuidString:)) else { throw Failure("no step named \(name)") }
        return id
    }

    private func named(_ name: String?) -> (OperationRecord) -> JSONValue {
        { [self] record in
            if let name { names[name] = record.id.uuidString.lowercased() }
            return Words.record(record)
        }
    }

    private func operation(_ fields: inout Fields) throws -> (NewOperation, (OperationRecord) -> JSONValue) {
        let payload = fields.take("payload") ?? .null
        var operation = NewOperation(
            adapter: try fields.needed(fields.string("adapter"), "adapter"),
            action: try fields.needed(fields.string("action"), "action"), payload: payload.written, onFailure: .continue,
            priority: .normal, key: try fields.string("key"), orderingKey: try fields.string("ordering_key"),
            ttl: try fields.duration("ttl_ms"))
        switch try fields.string("on_failure") {
        case "halt": operation.onFailure = .halt
        case nil, "continue": break
        case .some(let word): throw Failure("on_failure: \(word)")
        }
        switch try fields.string("priority") {
        case "high": operation.priority = .high
        case nil, "normal": break
        case .some(let word): throw Failure("priority: \(word)")
        }
        if let after = fields.take("after") {
            var fields = try Fields(after)
            let ends: [String: AfterOn] = ["succeeded": .succeeded, "failed": .failed, "cancelled": .cancelled, "ended": .ended]
            let on = try fields.needed(fields.string("on").flatMap { ends[$0] }, "after.on")
            operation.after = After(operationId: try taken(&fields), on: on)
        }
        let name = try fields.string("as")
        try fields.end()
        return (operation, named(name))
    }
}
