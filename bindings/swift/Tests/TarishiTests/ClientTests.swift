// The client's verbs and its life.

import Foundation
import Tarishi
import TarishiTestKit
import Testing

@Suite("The client")
struct ClientTests {
    @Test("what is enqueued offline is sent when there is a network, once")
    func offline() async throws {
        let phone = try TestPhone()
        phone.offline()
        let payment = try await phone.client.enqueue(charge("fee-1"))
        #expect(payment.state == .pending)
        let report = try await phone.client.sync(deadline: 1)
        #expect(!report.complete)
        #expect(try await phone.client.why(payment.id).reason == .offline)

        phone.online()
        phone.server.succeed(key: "fee-1", outcome: ["receipt": "QK1", "amount": ["amount": "1000.00", "currency": "KES"]])
        #expect(try await phone.client.sync().complete)

        let state = try #require(try await phone.client.get(payment.id).map(OperationState.init))
        #expect(state.ended)
        #expect(state.outcome == .charged(receipt: "QK1", receiptMissing: false, amount: .kes("1000.00"), paidAt: nil))
        #expect(phone.server.requests.flatMap(\.operations).map(\.key) == ["fee-1"])
        #expect(phone.server.requests.first?.token == "t1")
    }

    @Test("a list is stored in one go and each has its own answer, in order")
    func lists() async throws {
        let phone = try TestPhone()
        var bad = sms("b")
        bad.payload = #"{"to":"not a phone","message":"x"}"#

        let results = try await phone.client.enqueue([sms("a"), bad, sms("c")])

        #expect(try results[0].get().key == "a")
        #expect(try results[2].get().key == "c")
        guard case .failure(.FixInput(let field, _, _)) = results[1] else { return #expect(Bool(false), "\(results[1])") }
        #expect(field == "payload.to")
        #expect(try await phone.client.list().map(\.key) == ["a", "c"])
        #expect(try await phone.client.stats()[.pending] == 2)
    }

    @Test("the same key twice is the same operation, with another payload an error")
    func keys() async throws {
        let phone = try TestPhone()
        let first = try await phone.client.enqueue(charge("fee-1"))
        #expect(try await phone.client.enqueue(charge("fee-1")).id == first.id)
        var other = charge("fee-1")
        other.payload = Mpesa.charge(amount: .kes("2.00"), phone: "+254711222333", reference: "fee-1", key: "fee-1").payload
        let error = await thrown { try await phone.client.enqueue(other) }
        guard case .FixInput("key", "idempotency_key_reused", _) = error else { return #expect(Bool(false), "\(String(describing: error))") }
    }

    @Test("what was never sent can be replaced and cancelled here")
    func changes() async throws {
        let phone = try TestPhone()
        let first = try await phone.client.enqueue(sms("a"))
        let second = try await phone.client.replace(first.id, with: Sms.send(to: "+254711222333", message: "Kwaheri"))
        #expect(second.replaces == first.id)
        #expect(try await phone.client.cancel(second.id) == .cancelled)
        #expect(try await phone.client.get(second.id)?.state == .cancelled)
    }

    @Test("what failed is tried again under another key, once")
    func retries() async throws {
        let phone = try TestPhone()
        let first = try await phone.client.enqueue(charge("fee-1"))
        phone.server.fail(key: "fee-1", code: "payer_cancelled", detail: "the payer pressed cancel")
        try await phone.client.sync()
        #expect(try await phone.client.get(first.id)?.problem?.code == "payer_cancelled")
        let again = try await phone.client.retry(first.id)
        #expect(again.retryOf == first.id)
        #expect(try await phone.client.retry(first.id).id == again.id)
    }

    @Test("after a restart everything is there")
    func restart() async throws {
        let phone = try TestPhone()
        let payment = try await phone.client.enqueue(charge("fee-1"))
        let before = phone.client
        try phone.restart()
        #expect(try await phone.client.get(payment.id) == payment)
        #expect(try phone.client.recovery == nil)
        guard case .NotOpen = await thrown(by: { _ = try await before.stats() }) else { return #expect(Bool(false), "the old one answers") }
    }

    @Test("a suspended client answers nothing and goes on when it is resumed, and resuming twice is harmless")
    func suspension() async throws {
        let phone = try TestPhone()
        try await phone.client.suspend(deadline: 1)
        guard case .NotOpen = await thrown(by: { try await phone.client.enqueue(sms("a")) }) else {
            return #expect(Bool(false), "it stores while it is suspended")
        }
        try await phone.client.resume()
        try await phone.client.resume()
        try await phone.client.enqueue(sms("a"))
    }

    @Test("signing out counts what is left, and a drain sends first")
    func logout() async throws {
        let keeping = try TestPhone()
        try await keeping.client.enqueue(sms("a"))
        #expect(try await keeping.client.logout(.keep).neverSent == 1)

        let draining = try TestPhone()
        try await draining.client.enqueue(sms("a"))
        let report = try await draining.client.logout(.drain(deadline: 5))
        #expect((report.neverSent, report.running) == (0, 1))
        #expect(draining.server.requests.count >= 1)
    }

    @Test("a refused token is asked for again, and a new sign-in ends the pause")
    func tokens() async throws {
        let phone = try TestPhone()
        phone.server.accept(tokens: ["t2"])
        try await phone.client.enqueue(sms("a"))
        guard case .SignIn = await thrown(by: { try await phone.client.sync() }) else { return #expect(Bool(false), "it took t1") }
        phone.tokens.set("t2")
        try phone.client.tokenChanged()
        #expect(try await phone.client.sync().accepted == 1)
    }

    @Test("a rotated token is used from then on")
    func rotation() async throws {
        let phone = try TestPhone()
        phone.server.rotate(token: "t2")
        try await phone.client.enqueue(sms("a"))
        try await phone.client.sync()
        #expect(try await phone.tokens.token(rejected: nil) == "t2")
    }

    @Test("deadlines that are past, without end or no number at all are deadlines all the same")
    func deadlines() async throws {
        let phone = try TestPhone()
        var operation = sms("a")
        operation.ttl = .infinity
        _ = await thrown { try await phone.client.enqueue(operation) }
        for deadline in [-1, .nan, .infinity] { try await phone.client.sync(deadline: deadline) }
        try await phone.client.suspend(deadline: -.infinity)
    }

    @Test("the account is the server's word, and notifications are told")
    func account() async throws {
        let phone = try TestPhone()
        #expect(try await phone.client.account() == "acc_test")
        #expect(try await phone.client.notificationReceived("ntf_1"))
        try await phone.client.notificationOpened("ntf_1")
        try await phone.client.sync()
        let report = try await phone.client.report()
        #expect(!report.isEmpty)
    }

    @Test("a notification that is known is not shown twice, and an id that is none names its field")
    func notifications() async throws {
        let phone = try TestPhone()
        #expect(try await !phone.client.notificationKnown("ntf_1"))
        #expect(try await phone.client.notificationReceived("ntf_1"))
        #expect(try await !phone.client.notificationReceived("ntf_1"))
        #expect(try await phone.client.notificationKnown("ntf_1"))
        let error = await thrown { _ = try await phone.client.notificationReceived(String(repeating: "n", count: 65)) }
        guard case .FixInput("id", "invalid_value", _) = error else { return #expect(Bool(false), "\(String(describing: error))") }
    }

    @Test("sealed with a key of the app's the payload is not in the file")
    func sealing() async throws {
        let phone = try TestPhone { $0.keyStore = FixedKey() }
        try await phone.client.enqueue(Sms.send(to: "+254711222333", message: "a very secret text", key: "a"))
        phone.client.close()
        for file in try FileManager.default.contentsOfDirectory(at: phone.folder, includingPropertiesForKeys: nil) {
            #expect(try Data(contentsOf: file).range(of: Data("a very secret text".utf8)) == nil)
        }
    }

    @Test("an account's database lies in a place of its own")
    func places() throws {
        let place = try Configuration.database(named: "school/amina?")
        #expect(place.lastPathComponent == "school%2Famina%3F.db")
    }
}
