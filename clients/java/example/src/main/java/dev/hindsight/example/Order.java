package dev.hindsight.example;

import java.math.BigDecimal;

/** An order. The card's number is here to show that it never reaches the audit log. */
public record Order(String id, String state, BigDecimal amount, BigDecimal refunded, String cardNumber) {

    Order paid(String cardNumber) {
        return new Order(id, "paid", amount, refunded, cardNumber);
    }

    Order refunded(BigDecimal more) {
        return new Order(id, "refunded", amount, refunded.add(more), cardNumber);
    }
}
