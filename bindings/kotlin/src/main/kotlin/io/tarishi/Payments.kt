package io.tarishi

import kotlin.time.Duration

/** How a payer pays. */
public enum class PaymentMethod {
    /** A prompt on the payer's phone. */
    MOBILE_MONEY,

    /** A hosted page. */
    LINK,
}

/**
 * What all payment providers can do. Money is text (`kes("1000.00")`), and a key names the effect, not the try: enqueued twice
 * with one key it is the same payment, so name it after what is paid: `fee-2026-1-881`.
 */
public sealed class Payments(
    /** The adapter's name. */
    public val adapter: String,
) {
    /** Asks about a payment or refund of this app, [operation]. */
    public fun query(
        operation: OperationId,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("operation_id" to operation.toString())
        return operation(adapter, "query", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Asks about a payment by the provider's [receipt]. */
    public fun query(
        receipt: String,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("receipt" to receipt)
        return operation(adapter, "query", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Gives the payment [operation] back: all of it, or [amount]. [reason] is kept in the books. */
    public fun refund(
        operation: OperationId,
        reason: String,
        key: String,
        amount: Money? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("operation_id" to operation.toString(), "amount" to amount, "reason" to reason)
        return operation(adapter, "refund", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Gives the payment of the provider's [receipt] back: all of it, or [amount]. */
    public fun refund(
        receipt: String,
        reason: String,
        key: String,
        amount: Money? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("receipt" to receipt, "amount" to amount, "reason" to reason)
        return operation(adapter, "refund", payload, key, orderingKey, onFailure, priority, ttl, after)
    }
}

/** M-Pesa: a prompt appears on the payer's phone. */
public object Mpesa : Payments("mpesa") {
    /**
     * Collects [amount] from [phone] (`+254712345678`).
     *
     * @param reference what it is for, in the school's books; at most one payment for it is under way.
     * @param key names the payment: the same key twice is the same payment.
     * @param description shown to the payer, where the provider allows.
     */
    public fun charge(
        amount: Money,
        phone: String,
        reference: String,
        key: String,
        description: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload =
            fields("amount" to amount, "phone" to phone, "reference" to reference, "description" to description)
        return operation(adapter, "charge", payload, key, orderingKey, onFailure, priority, ttl, after)
    }
}

/** Providers whose payer opens a hosted page: watch [OperationState.checkoutUrl]. */
public sealed class HostedPayments(adapter: String) : Payments(adapter) {
    /**
     * Collects [amount]: by a page to open, or by a prompt on [phone] (`+254712345678`).
     *
     * @param reference what it is for, in the school's books; at most one payment for it is under way.
     * @param key names the payment: the same key twice is the same payment.
     * @param description shown to the payer, where the provider allows.
     * @param email the payer's, for the page.
     * @param method a page or a prompt; the provider's usual way if not said.
     * @param returnUrl where the page returns to.
     * @param network the mobile-money network of [phone] (`MTN`), for Flutterwave outside Kenya.
     */
    public fun charge(
        amount: Money,
        reference: String,
        key: String,
        phone: String? = null,
        description: String? = null,
        email: String? = null,
        method: PaymentMethod? = null,
        returnUrl: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
        network: String? = null,
    ): NewOperation {
        val payload = fields(
            "amount" to amount,
            "phone" to phone,
            "reference" to reference,
            "description" to description,
            "email" to email,
            "method" to method,
            "return_url" to returnUrl,
            "network" to network,
        )
        return operation(adapter, "charge", payload, key, orderingKey, onFailure, priority, ttl, after)
    }
}

/** Flutterwave. */
public object Flutterwave : HostedPayments("flutterwave")

/** Pesapal. */
public object Pesapal : HostedPayments("pesapal")
