package io.tarishi

/** How many operations stand where. */
public data class QueueState(
    /** Operations by state; states without operations are absent. */
    val counts: Map<DeviceState, Long>,
) {
    /** Operations that the server has not confirmed yet: a badge "3 waiting to be sent". */
    val pending: Long get() = this[DeviceState.PENDING] + this[DeviceState.IN_FLIGHT]

    /** Operations at the server or the provider. */
    val running: Long get() = this[DeviceState.ACCEPTED] + this[DeviceState.WAITING]

    /** Operations that a human must look at: unresolved, refused or dead. */
    val needsAttention: Long get() = this[DeviceState.UNRESOLVED] + this[DeviceState.REFUSED] + this[DeviceState.DEAD]

    /** How many are in one state. */
    public operator fun get(state: DeviceState): Long = counts[state] ?: 0

    internal companion object {
        private val words = DeviceState.entries.associateBy { it.name.lowercase() }

        fun of(stats: Map<String, ULong>): QueueState =
            QueueState(stats.mapNotNull { (word, count) -> words[word]?.let { it to count.toLong() } }.toMap())
    }
}
