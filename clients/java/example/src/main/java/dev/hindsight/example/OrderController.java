package dev.hindsight.example;

import dev.hindsight.client.OperationRefused;
import java.math.BigDecimal;
import org.springframework.http.HttpStatus;
import org.springframework.http.ProblemDetail;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

/** Orders by HTTP. */
@RestController
public class OrderController {

    private final Orders orders;

    public OrderController(Orders orders) {
        this.orders = orders;
    }

    /** What is sent to make an order. */
    public record NewOrder(String id, BigDecimal amount) {}

    /** What is sent to pay one. */
    public record Payment(String cardNumber) {}

    /** What is sent to refund one. */
    public record Refund(BigDecimal amount) {}

    @PostMapping("/orders")
    public Order create(@RequestBody NewOrder order) {
        return orders.create(order.id(), order.amount());
    }

    @PostMapping("/orders/{id}/payments")
    public Order pay(@PathVariable String id, @RequestBody Payment payment) {
        return orders.pay(id, payment.cardNumber());
    }

    @PostMapping("/orders/{id}/refunds")
    public Order refund(@PathVariable String id, @RequestBody Refund refund) {
        return orders.refund(id, refund.amount());
    }

    @ExceptionHandler
    ProblemDetail wrong(IllegalArgumentException wrong) {
        return ProblemDetail.forStatusAndDetail(HttpStatus.UNPROCESSABLE_ENTITY, wrong.getMessage());
    }

    @ExceptionHandler
    ProblemDetail refused(OperationRefused refused) {
        return ProblemDetail.forStatusAndDetail(HttpStatus.SERVICE_UNAVAILABLE, refused.getMessage());
    }
}
