//! Who may be signed in: two customers and one of the support desk. Nobody proves who they are: this is a demo.

use hindsight_client::AuditEvent;

/// Somebody with a role.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) role: Role,
}

/// What somebody may do here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Customer,
    Support,
}

/// A visitor who isn't signed in buys as a guest.
pub(crate) static GUEST: Person = Person {
    id: "guest",
    name: "",
    role: Role::Customer,
};

pub(crate) static PEOPLE: [Person; 3] = [
    Person {
        id: "u-1001",
        name: "王芳",
        role: Role::Customer,
    },
    Person {
        id: "u-1002",
        name: "Emma Clarke",
        role: Role::Customer,
    },
    Person {
        id: "s-301",
        name: "赵敏",
        role: Role::Support,
    },
];

/// The person of an id.
pub(crate) fn find(id: &str) -> Option<&'static Person> {
    PEOPLE.iter().find(|person| person.id == id)
}

impl Person {
    pub(crate) fn is_guest(&self) -> bool {
        self.id == GUEST.id
    }

    pub(crate) fn is_support(&self) -> bool {
        self.role == Role::Support
    }

    /// The event, done by them.
    pub(crate) fn sign(&self, event: AuditEvent) -> AuditEvent {
        event.actor("user", self.id, self.name, &[self.role.name()])
    }
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Support => "support",
        }
    }
}
