package io.tarishi

/**
 * Passes what the library has to say on to the app's own log, from all clients of the process. Records hold no payloads, phone
 * numbers or tokens. A second call replaces the first. [write] is called from a thread for this alone; what it throws is ignored.
 */
public fun logTo(level: LogLevel = LogLevel.INFO, write: (LogRecord) -> Unit) {
    val logger = object : Logger {
        override fun onRecords(records: List<LogRecord>) = records.forEach(write)
    }
    setLogger(Guard {}.logger(logger), level)
}
