// Streams of states and events.

import Foundation
import Tarishi
import TarishiTestKit
import Testing

@Suite("Streams")
struct StreamTests {
    @Test("a payment's states end with its outcome, and a page to open comes before it")
    func states() async throws {
        let phone = try TestPhone()
        let payment = try await phone.client.enqueue(
            Flutterwave.charge(amount: .kes("500.00"), reference: "F-3", email: "parent@example.org", method: .link, key: "fee-3"))
        phone.server.checkout(key: "fee-3", url: URL(string: "https://checkout.example/pay/abc")!)
        phone.server.succeed(key: "fee-3", outcome: ["receipt": "FLW-1"])

        var seen: [OperationState] = []
        for await state in phone.client.states(payment.id) {
            seen.append(state)
            switch state.state {
            case .pending, .waiting: try await phone.client.sync()
            default: break
            }
        }

        #expect(seen.first?.state == .pending)
        #expect(seen.compactMap(\.checkoutURL?.absoluteString).first == "https://checkout.example/pay/abc")
        #expect(seen.last?.state == .succeeded)
        #expect(seen.last?.checkoutURL == nil)
        guard case .charged("FLW-1", _, _, _) = seen.last?.outcome else { return #expect(Bool(false), "\(seen)") }
    }

    @Test("awaitEnd gives the end, and says what it cannot wait for")
    func ends() async throws {
        let phone = try TestPhone()
        let payment = try await phone.client.enqueue(charge("fee-1"))
        phone.server.refuse(key: "fee-1", field: "payload.amount", code: "amount_too_large")
        async let end = phone.client.awaitEnd(payment.id)
        try await phone.client.sync()
        #expect(try await end.problem?.field == "payload.amount")
        #expect(try await phone.client.awaitEnd(payment.id).state == .refused)

        guard case .FixInput("id", "not_found", _) = await thrown(by: { _ = try await phone.client.awaitEnd(UUID()) }) else {
            return #expect(Bool(false), "it waits for what nobody knows")
        }
        let other = try await phone.client.enqueue(charge("fee-2"))
        let waiting = Task { try await phone.client.awaitEnd(other.id) }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test("the queue says how many stand where and why nothing moves")
    func queue() async throws {
        let phone = try TestPhone()
        phone.server.accept(tokens: ["t2"])
        var states = phone.client.queue().makeAsyncIterator()
        #expect(await states.next()?.open == 0)
        try await phone.client.enqueue(sms("a"))
        while let state = await states.next(), state.unsent != 1 {}
        _ = await thrown { try await phone.client.sync() }
        while let state = await states.next(), state.pause != .signIn {}
        phone.tokens.set("t2")
        try phone.client.tokenChanged()
        try await phone.client.sync()
        var last: QueueState?
        while let state = await states.next() {
            last = state
            if state[.accepted] == 1, state.lastReport != nil { break }
        }
        #expect(last?.pause == nil)
        #expect(last?.lastReport?.accepted == 1)
    }

    @Test("each stream of events hears everything, and all end when the client is closed")
    func events() async throws {
        let phone = try TestPhone()
        let streams = (0..<3).map { _ in phone.client.events }
        let (states, queue) = (phone.client.states(UUID()), phone.client.queue())
        let payment = try await phone.client.enqueue(sms("a"))
        try await phone.client.sync()
        try await eventually { try await phone.client.get(payment.id)?.state == .accepted }
        for stream in streams {
            var heard: [DeviceState] = []
            for await event in stream {
                if case .operationChanged(_, let state) = event { heard.append(state) }
                if heard.last == .accepted { break }
            }
            #expect(heard.first == .pending)
        }
        let late = phone.client.events
        phone.client.close()
        for await _ in late {}
        for await _ in states {}
        for await _ in queue {}
        for await _ in phone.client.events { #expect(Bool(false), "a closed client has no events") }
    }

    @Test("a stream that nobody reads holds up nobody and keeps the newest state")
    func slow() async throws {
        let phone = try TestPhone()
        let events = phone.client.events
        let payment = try await phone.client.enqueue(sms("a"))
        let states = phone.client.states(payment.id)
        try await phone.client.enqueue((0..<3000).map { sms("k\($0)") })
        phone.server.succeed(key: "a")
        try await phone.client.sync()
        _ = try await phone.client.awaitEnd(payment.id)

        var last: OperationState?
        for await state in states { last = state }
        #expect(last?.state == .succeeded)
        phone.client.close()
        var kept = 0
        for await _ in events { kept += 1 }
        #expect(kept <= 1024)
    }

    @Test("letting go of the client ends its streams")
    func lettingGo() async throws {
        var phone: TestPhone? = try TestPhone()
        let queue = try #require(phone?.client.queue())
        let ended = Task {
            for await _ in queue {}
        }
        phone = nil
        await ended.value
    }

    @Test("a suspended client's streams go on when it is resumed")
    func suspension() async throws {
        let phone = try TestPhone()
        let payment = try await phone.client.enqueue(sms("a"))
        var states = phone.client.states(payment.id).makeAsyncIterator()
        #expect(await states.next()?.state == .pending)
        try await phone.client.suspend(deadline: 1)
        try await phone.client.resume()
        phone.server.succeed(key: "a")
        try await phone.client.sync()
        while let state = await states.next(), !state.ended {}
    }
}
