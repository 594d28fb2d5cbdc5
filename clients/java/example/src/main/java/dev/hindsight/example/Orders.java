package dev.hindsight.example;

import dev.hindsight.spring.OperationLog;
import java.math.BigDecimal;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.springframework.stereotype.Service;

/** Orders in memory, with the operations that auditors ask about. */
@Service
public class Orders {

    private final Map<String, Order> orders = new ConcurrentHashMap<>();

    /** An order, or null. */
    public Order find(String id) {
        return orders.get(id);
    }

    @OperationLog(
            operationType = "order.create", operation = "create", saveAfterState = true,
            targetType = "order", targetId = "#result.id", references = "order=#result.id")
    public Order create(String id, BigDecimal amount) {
        Order order = new Order(id, "created", amount, BigDecimal.ZERO, null);
        orders.put(id, order);
        return order;
    }

    @OperationLog(
            operationType = "order.pay", operation = "update", saveBeforeState = true, saveAfterState = true, state = "@orders.find(#id)",
            targetType = "order", targetId = "#id", references = "order=#id")
    public Order pay(String id, String cardNumber) {
        return orders.compute(id, (key, order) -> known(order, id).paid(cardNumber));
    }

    /** Refused when its trace can't be kept: money leaves. */
    @OperationLog(
            operationType = "order.refund", operation = "update", saveBeforeState = true, saveAfterState = true,
            state = "@orders.find(#id)", targetType = "order", targetId = "#id", references = "order=#id",
            strict = OperationLog.Strictness.STRICT)
    public Order refund(String id, BigDecimal amount) {
        return orders.compute(id, (key, order) -> {
            if (known(order, id).amount().compareTo(order.refunded().add(amount)) < 0) {
                throw new IllegalArgumentException("more than was paid: " + amount);
            }
            return order.refunded(amount);
        });
    }

    private static Order known(Order order, String id) {
        if (order == null) {
            throw new IllegalArgumentException("no order " + id);
        }
        return order;
    }
}
