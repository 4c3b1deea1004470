package io.tarishi

/** How an operation stands at one moment. */
public class OperationState(
    /** All that the device knows of it. */
    public val record: OperationRecord,
) {
    /** Names this operation. */
    public val id: OperationId get() = record.id

    /** Where it stands. */
    public val state: DeviceState get() = record.state

    /** Why it failed, was refused, or must come later. */
    public val problem: Problem? get() = record.problem

    /** What it led to or, while it waits, what there is to do meanwhile; `null` if there is nothing yet. */
    public val outcome: Outcome? by lazy { record.outcome?.let { readOutcome(record.adapter, record.action, it) } }

    /** The page that the payer must open now; `null` if there is none. */
    public val checkoutUrl: String? get() = (outcome as? Outcome.OpenUrl)?.url?.takeUnless { ended }

    /** It has ended, with the effect or without. */
    public val ended: Boolean get() = state.ended

    /** It has ended with the effect. */
    public val succeeded: Boolean get() = state == DeviceState.SUCCEEDED

    override fun equals(other: Any?): Boolean = other is OperationState && other.record == record

    override fun hashCode(): Int = record.hashCode()

    override fun toString(): String = "${record.adapter} ${record.action} ${record.id} $state"
}

/** It has ended, with the effect or without. */
public val DeviceState.ended: Boolean
    get() = when (this) {
        DeviceState.PENDING, DeviceState.IN_FLIGHT, DeviceState.ACCEPTED, DeviceState.WAITING, DeviceState.UNRESOLVED -> false
        DeviceState.SUCCEEDED, DeviceState.FAILED, DeviceState.REFUSED, DeviceState.CANCELLED, DeviceState.EXPIRED,
        DeviceState.DEAD,
        -> true
    }
