package io.tarishi.scenario

import com.google.gson.JsonElement
import com.google.gson.JsonParser
import io.tarishi.ClientBuilder
import io.tarishi.HttpTransport
import io.tarishi.ScriptedServer
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse

/** How devices reach their server, and how a scenario speaks to it. */
interface Road : AutoCloseable {
    val url: String

    fun configure(builder: ClientBuilder)

    fun script(steps: JsonElement)

    fun requests(): JsonElement

    fun unreachable(unreachable: Boolean)

    fun tokens(tokens: JsonElement)
}

/** The server is the transport. */
class MemoryRoad : Road {
    private val server = ScriptedServer()
    override val url = "http://server.invalid"

    override fun configure(builder: ClientBuilder) = builder.server(server)

    override fun script(steps: JsonElement) = server.script(steps.toString())

    override fun requests(): JsonElement = JsonParser.parseString(server.requests())

    override fun unreachable(unreachable: Boolean) = server.setUnreachable(unreachable)

    override fun tokens(tokens: JsonElement) =
        server.setTokens(if (tokens.isJsonNull) null else tokens.asJsonArray.map { it.asString })

    override fun close() = server.close()
}

/** A session of the scripted server; without a transport the library does HTTP itself. */
class HttpRoad(root: String, private val transport: HttpTransport?) : Road {
    override val url: String = JsonParser.parseString(ask("POST", "$root/_sessions", "")).asJsonObject["url"].asString

    override fun configure(builder: ClientBuilder) {
        transport?.let(builder::transport)
    }

    override fun script(steps: JsonElement) {
        ask("POST", "$url/_script", steps.toString())
    }

    override fun requests(): JsonElement = JsonParser.parseString(ask("GET", "$url/_requests", ""))

    override fun unreachable(unreachable: Boolean) {
        ask("PUT", "$url/_unreachable", unreachable.toString())
    }

    override fun tokens(tokens: JsonElement) {
        ask("PUT", "$url/_tokens", tokens.toString())
    }

    override fun close() = Unit

    private companion object {
        val http: HttpClient = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()

        fun ask(method: String, url: String, body: String): String {
            val publisher = if (body.isEmpty()) HttpRequest.BodyPublishers.noBody() else HttpRequest.BodyPublishers.ofString(body)
            val request = HttpRequest.newBuilder(URI(url)).method(method, publisher).build()
            val answer = http.send(request, HttpResponse.BodyHandlers.ofString())
            check(answer.statusCode() in 200..299) { "$method $url: ${answer.statusCode()}: ${answer.body()}" }
            return answer.body()
        }
    }
}
