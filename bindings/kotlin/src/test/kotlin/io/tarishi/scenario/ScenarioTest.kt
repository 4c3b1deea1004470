package io.tarishi.scenario

import com.google.gson.JsonParser
import io.tarishi.UrlConnectionTransport
import java.io.File
import kotlin.test.assertTrue
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory

/** Every story of `tests/scenarios`, on three roads to the same server. */
class ScenarioTest {
    @TestFactory
    fun `in memory`(): List<DynamicTest> = stories { MemoryRoad() }

    @TestFactory
    fun `by the library's own HTTP`(): List<DynamicTest> = stories { HttpRoad(scripted, null) }

    @TestFactory
    fun `by HttpURLConnection`(): List<DynamicTest> = stories { HttpRoad(scripted, UrlConnectionTransport()) }

    private fun stories(road: () -> Road): List<DynamicTest> {
        val files = File("tests/scenarios").listFiles { file -> file.extension == "json" }.orEmpty().sorted()
        assertTrue(files.size >= 25, "run it in the project's root")
        return files.map { file ->
            val scenario = JsonParser.parseString(file.readText()).asJsonObject
            dynamicTest(scenario["name"].asString, file.toURI()) {
                runBlocking<Unit> { withTimeout(60_000) { road().use { World(scenario, it).use { world -> world.run() } } } }
            }
        }
    }

    private companion object {
        val scripted: String by lazy { checkNotNull(System.getenv("TARISHI_SCRIPTED_URL")) { "bindings/tools/kotlin.sh sets it" } }
    }
}
