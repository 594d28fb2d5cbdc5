package dev.hindsight.example;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/** An order service with an audit trail. {@code HINDSIGHT_URL} and {@code HINDSIGHT_KEY} say where to. */
@SpringBootApplication
public class ExampleService {

    public static void main(String[] arguments) {
        SpringApplication.run(ExampleService.class, arguments);
    }
}
