// SPDX-License-Identifier: Apache-2.0
// A Spring Cloud Stream application that reads the shop's events: a view of its own, kept by somebody else than weir.
package shop;

import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.messaging.Message;

@SpringBootApplication
public class StockWatch {
    public static void main(String[] args) {
        SpringApplication.run(StockWatch.class, args);
    }

    @Bean
    public Consumer<Message<String>> stock() {
        return event -> {
            String type = header(event, "ce_type");
            if (!type.startsWith("weir.")) // those are the engine's own
                System.out.println(String.join(" ", "event", type, header(event, "ce_subject"), "version", header(event, "ce_sequence"), event.getPayload()));
        };
    }

    private static String header(Message<?> message, String name) {
        Object value = message.getHeaders().get(name);
        return value instanceof byte[] bytes ? new String(bytes, StandardCharsets.UTF_8) : String.valueOf(value);
    }
}
