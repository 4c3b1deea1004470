package io.tarishi

/** An amount in Kenyan shillings, as text: `kes("1000.00")`. Money is never a float. */
public fun kes(amount: String): Money = Money(amount, "KES")

/** An amount in Ugandan shillings. */
public fun ugx(amount: String): Money = Money(amount, "UGX")

/** An amount in Tanzanian shillings. */
public fun tzs(amount: String): Money = Money(amount, "TZS")

/** An amount in Rwandan francs. */
public fun rwf(amount: String): Money = Money(amount, "RWF")

/** An amount in Burundian francs. */
public fun bif(amount: String): Money = Money(amount, "BIF")

/** An amount in Ethiopian birr. */
public fun etb(amount: String): Money = Money(amount, "ETB")

/** An amount in Nigerian naira. */
public fun ngn(amount: String): Money = Money(amount, "NGN")

/** An amount in Ghanaian cedis. */
public fun ghs(amount: String): Money = Money(amount, "GHS")

/** An amount in Zambian kwacha. */
public fun zmw(amount: String): Money = Money(amount, "ZMW")

/** An amount in South African rand. */
public fun zar(amount: String): Money = Money(amount, "ZAR")

/** An amount in US dollars. */
public fun usd(amount: String): Money = Money(amount, "USD")

/** An amount in euros. */
public fun eur(amount: String): Money = Money(amount, "EUR")
