// Money is text: `0.1 + 0.2` of a parent's fees is nobody's idea of a payment.

extension Money {
    /// Kenyan shillings.
    public static func kes(_ amount: String) -> Money { Money(amount: amount, currency: "KES") }
    /// Ugandan shillings.
    public static func ugx(_ amount: String) -> Money { Money(amount: amount, currency: "UGX") }
    /// Tanzanian shillings.
    public static func tzs(_ amount: String) -> Money { Money(amount: amount, currency: "TZS") }
    /// Rwandan francs.
    public static func rwf(_ amount: String) -> Money { Money(amount: amount, currency: "RWF") }
    /// Nigerian naira.
    public static func ngn(_ amount: String) -> Money { Money(amount: amount, currency: "NGN") }
    /// Ghanaian cedis.
    public static func ghs(_ amount: String) -> Money { Money(amount: amount, currency: "GHS") }
    /// South African rand.
    public static func zar(_ amount: String) -> Money { Money(amount: amount, currency: "ZAR") }
    /// US dollars.
    public static func usd(_ amount: String) -> Money { Money(amount: amount, currency: "USD") }
}
