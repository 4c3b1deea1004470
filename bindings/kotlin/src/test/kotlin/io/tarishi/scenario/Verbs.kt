package io.tarishi.scenario

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import io.tarishi.DeviceState
import io.tarishi.EnqueueResult
import io.tarishi.Filter
import io.tarishi.Logout
import io.tarishi.Network
import java.time.Instant
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.toJavaDuration
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withTimeoutOrNull

/** What each verb does. */
class Verbs(private val world: World, private val said: Fields) {
    private val device get() = world.device
    private val client get() = world.device.client

    suspend fun carryOut(verb: String): JsonElement = when (verb) {
        "get", "list", "why", "stats", "report", "account", "requests", "until" -> Results.of(ask(verb))
        "start", "stop", "network", "foreground", "tokens", "clock", "server", "close_and_open", "crash_and_open" -> {
            change(verb)
            nothing
        }
        else -> act(verb)
    }

    private suspend fun ask(verb: String): Any? = when (verb) {
        "get" -> client.get(of())
        "list" -> client.list(filter())
        "why" -> client.why(of())
        "stats" -> client.stats()
        "report" -> client.report()
        "account" -> client.account()
        "requests" -> world.road.requests()
        "until" -> until(word<DeviceState>(said.text("state")))
        else -> unknown(verb)
    }

    private suspend fun act(verb: String): JsonElement = when (verb) {
        "enqueue" -> {
            val (operation, name) = world.operation(said.whole())
            named(name, Results.of(client.enqueue(operation)))
        }
        "enqueue_many" -> {
            val many = checkNotNull(said["operations"]).asJsonArray.map { world.operation(it.asJsonObject) }
            val results = client.enqueue(many.map { it.first })
            Results.of(results.zip(many) { result, (_, name) -> result(result, name) })
        }
        "cancel" -> Results.json("outcome" to client.cancel(of()))
        "replace" -> named(Results.of(client.replace(of(), checkNotNull(said["payload"]).asJsonObject.toString())))
        "retry" -> named(Results.of(client.retry(of())))
        "sync" -> Results.of(client.sync(said.long("deadline_ms")?.milliseconds ?: 10.seconds))
        "logout" -> Results.of(client.logout(logout()))
        "suspend" -> Results.of(client.suspend(said.long("deadline_ms")?.milliseconds ?: 5.seconds))
        "resume" -> Results.of(client.resume())
        "notification" -> {
            val id = said.text("id")
            Results.of(
                when (val event = said.text("event")) {
                    "received" -> client.notificationReceived(id)
                    "opened" -> client.notificationOpened(id)
                    else -> throw IllegalArgumentException("no such event: $event")
                },
            )
        }
        "notification_known" -> Results.of(client.notificationKnown(said.text("id")))
        else -> unknown(verb)
    }

    /** What changes around the client, and gives nothing. */
    private suspend fun change(verb: String) = when (verb) {
        "start" -> client.start()
        "stop" -> client.stop()
        "network" -> client.setNetwork(word<Network>(said.text("to")))
        "foreground" -> client.setForeground(checkNotNull(said["to"]).asBoolean)
        "tokens" -> {
            device.tokens.set(said.maybeText("current"), said["next"] as JsonArray?, said.boolean("sign_in"))
            if (said.boolean("changed")) client.tokenChanged()
            Unit
        }
        "clock" -> clock()
        "server" -> {
            said["script"]?.let(world.road::script)
            said["unreachable"]?.let { world.road.unreachable(it.asBoolean) }
            if (said.has("tokens")) world.road.tokens(checkNotNull(said["tokens"]))
            Unit
        }
        "close_and_open" -> device.closeAndOpen()
        "crash_and_open" -> device.crashAndOpen()
        else -> unknown(verb)
    }

    private fun clock() {
        val clock = checkNotNull(device.clock) { "the scenario has no clock" }
        said.long("advance_ms")?.let { clock.advance(it.milliseconds.toJavaDuration()) }
        said.maybeText("set")?.let { clock.setWallMs(Instant.parse(it).toEpochMilli()) }
        if (said.boolean("reboot")) clock.reboot()
    }

    private fun of() = world.id(said.text("of"))

    private fun filter() = Filter(
        states = said["states"].strings().orEmpty().map { word<DeviceState>(it) },
        orderingKey = said.maybeText("ordering_key"),
        adapter = said.maybeText("adapter"),
        limit = said.long("limit")?.toUInt(),
    )

    private fun logout(): Logout = when (val how = said.text("how")) {
        "drain" -> Logout.Drain((said.long("deadline_ms")?.milliseconds ?: 10.seconds).toJavaDuration())
        "keep" -> Logout.Keep
        "discard" -> Logout.Discard
        else -> throw IllegalArgumentException("no such way to sign out: $how")
    }

    private suspend fun until(state: DeviceState) =
        withTimeoutOrNull(10_000) { client.states(of()).first { it.state == state }.record }
            ?: throw AssertionError("after 10 s it is ${client.get(of())?.state}")

    private fun result(result: EnqueueResult, name: String?): JsonElement = when (result) {
        is EnqueueResult.Stored -> named(name, Results.of(result.record))
        is EnqueueResult.Refused -> Results.json("error" to result.error)
    }

    private fun named(record: JsonElement): JsonElement = named(said.maybeText("as"), record)

    private fun named(name: String?, record: JsonElement): JsonElement = record.also { world.name(name, it) }

    private fun unknown(verb: String): Nothing = throw IllegalArgumentException("no runner knows the verb $verb")
}
