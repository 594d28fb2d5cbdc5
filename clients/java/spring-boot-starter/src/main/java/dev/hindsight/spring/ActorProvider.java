package dev.hindsight.spring;

import java.util.List;

/** Says who is acting. The default takes the request's principal; a bean of this type replaces it. Thread-safe. */
@FunctionalInterface
public interface ActorProvider {

    /** Who acts on this thread; null where nobody is known. Called before the operation. */
    Actor current();

    /**
     * Who acts.
     *
     * @param type user or service
     * @param id as the application knows them
     * @param name for people, or null
     * @param roles at this moment
     */
    record Actor(String type, String id, String name, List<String> roles) {

        /** A person. */
        public static Actor user(String id, String name) {
            return new Actor("user", id, name, List.of());
        }
    }
}
