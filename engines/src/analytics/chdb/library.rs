//! The binding of libchdb's C API (`programs/local/chdb.h`, 26.7): only what the façade needs.
//!
//! **Invariants:** one data directory per process; one statement at a time on a connection, which the types say by
//! borrowing it mutably; a connection is dropped after any error (its later statements could answer 394).
//! **Failure**: every error comes as an [`EngineError`] with ClickHouse's code. **Bound**: `max_server_memory_usage`.
#![allow(unsafe_code)] // Calls C; the log's binding of librdkafka is the only other file that does.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::sync::Arc;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::error::EngineError;
use super::options::EngineOptions;

/// What the C API calls `chdb_connection`, `chdb_result *`, `chdb_insert_stream`.
type Handle = *mut c_void;
/// Statement, format, then parameter names, their lengths, values, their lengths, count.
type Run = unsafe extern "C" fn(
    Handle,
    *const u8,
    usize,
    *const u8,
    usize,
    *const *const u8,
    *const usize,
    *const *const u8,
    *const usize,
    usize,
) -> Handle;

macro_rules! c_api {
    ($($name:ident: $type:ty,)*) => {
        struct Api {
            $($name: $type,)*
            /// Keeps the code mapped for as long as the pointers may be called.
            _library: Library,
        }

        impl Api {
            fn load(path: &Path) -> Result<Self, libloading::Error> {
                // SAFETY: the library's constructors are ClickHouse's own, made to run at dlopen; each symbol's type is
                // the one that chdb.h declares for the version that EXPECTED_VERSION checks.
                unsafe {
                    let library = Library::open(Some(path), RTLD_NOW | RTLD_LOCAL)?;
                    Ok(Self { $($name: *library.get(concat!(stringify!($name), "\0").as_bytes())?,)* _library: library })
                }
            }
        }
    };
}

c_api! {
    chdb_version: unsafe extern "C" fn() -> *const c_char,
    chdb_set_signal_handlers_enabled: unsafe extern "C" fn(c_int),
    chdb_connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut Handle,
    chdb_close_conn: unsafe extern "C" fn(*mut Handle),
    chdb_query_with_params_n: Run,
    chdb_stream_query_with_params_n: Run,
    chdb_stream_fetch_result: unsafe extern "C" fn(Handle, Handle) -> Handle,
    chdb_stream_cancel_query: unsafe extern "C" fn(Handle, Handle),
    chdb_destroy_query_result: unsafe extern "C" fn(Handle),
    chdb_stream_insert_with_params_n: Run,
    chdb_stream_append: unsafe extern "C" fn(Handle, *const u8, usize) -> c_int,
    chdb_stream_done: unsafe extern "C" fn(Handle) -> Handle,
    chdb_stream_cancel_insert: unsafe extern "C" fn(Handle),
    chdb_stream_insert_error: unsafe extern "C" fn(Handle) -> *const c_char,
    chdb_destroy_insert_stream: unsafe extern "C" fn(Handle),
    chdb_result_buffer: unsafe extern "C" fn(Handle) -> *const u8,
    chdb_result_length: unsafe extern "C" fn(Handle) -> usize,
    chdb_result_error: unsafe extern "C" fn(Handle) -> *const c_char,
    chdb_result_rows_read: unsafe extern "C" fn(Handle) -> u64,
    chdb_result_rows_written: unsafe extern "C" fn(Handle) -> u64,
    chdb_result_bytes_written: unsafe extern "C" fn(Handle) -> u64,
    chdb_result_storage_rows_read: unsafe extern "C" fn(Handle) -> u64,
    chdb_result_storage_bytes_read: unsafe extern "C" fn(Handle) -> u64,
    chdb_classify_query_n: unsafe extern "C" fn(Handle, *const u8, usize, *const u8, usize, *mut RawAnalysis) -> c_int,
}

/// The versions whose C API is the one declared here.
const EXPECTED_VERSION: &str = "26.";

#[repr(C)]
#[derive(Default)]
struct RawAnalysis {
    struct_size: u32,
    statement_count: u32,
    flags: u32,
    query_class: u32,
}

/// The loaded and opened engine; cheap to clone.
#[derive(Clone)]
pub struct Engine {
    api: Arc<Api>,
    arguments: Arc<[CString]>,
    /// The engine lives as long as a connection does: this one keeps it.
    _open: Arc<Connection>,
}

impl Engine {
    /// Loads the library and opens the data directory.
    pub fn open(options: &EngineOptions) -> Result<Self, EngineError> {
        let api = Api::load(&options.library)
            .map_err(|error| EngineError::of(format!("can't load {}: {error}", options.library.display())))?;
        // SAFETY: the call takes nothing and gives a static text; the other takes a flag and must come before the
        // first connect. Rust's own handlers (stack overflow) and tokio's stay in place by it.
        let version = unsafe {
            (api.chdb_set_signal_handlers_enabled)(0);
            CStr::from_ptr((api.chdb_version)())
                .to_string_lossy()
                .into_owned()
        };
        if !version.starts_with(EXPECTED_VERSION) {
            return Err(EngineError::of(format!(
                "libchdb has version {version}, {EXPECTED_VERSION}x is needed"
            )));
        }
        let api = Arc::new(api);
        let arguments = options.arguments()?;
        let open = Connection::open(api.clone(), &arguments)?;
        Ok(Self {
            api,
            arguments: arguments.into(),
            _open: Arc::new(open),
        })
    }

    /// A connection of its own: 0.3 ms.
    pub fn connect(&self) -> Result<Connection, EngineError> {
        Connection::open(self.api.clone(), &self.arguments)
    }
}

/// What a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Analysis {
    /// How many statements the text holds.
    pub(super) statements: u32,
    /// It only reads.
    pub(super) reads: bool,
}

/// Names and values that are bound as `{name:Type}`.
pub(super) type Params = [(String, String)];

/// One connection: `USE` and `SET` hold for it alone.
pub struct Connection {
    api: Arc<Api>,
    inner: *mut Handle,
}

// SAFETY: libchdb has no thread affinity; a connection is used by one thread at a time, which `&mut self` enforces.
unsafe impl Send for Connection {}
// SAFETY: no method takes `&self`, so a shared reference (Engine keeps one) can't reach C.
unsafe impl Sync for Connection {}

impl Connection {
    fn open(api: Arc<Api>, arguments: &[CString]) -> Result<Self, EngineError> {
        let mut argv: Vec<*mut c_char> = arguments.iter().map(|text| text.as_ptr().cast_mut()).collect();
        let count = c_int::try_from(argv.len()).expect("a handful of arguments");
        // SAFETY: argv holds `count` NUL-terminated texts that outlive the call, which copies them.
        let inner = unsafe { (api.chdb_connect)(count, argv.as_mut_ptr()) };
        // SAFETY: a pointer that isn't null points to the connection's handle until chdb_close_conn.
        if inner.is_null() || unsafe { (*inner).is_null() } {
            return Err(EngineError::of(
                "libchdb can't open the data directory (its reason is on stderr)".into(),
            ));
        }
        Ok(Self { api, inner })
    }

    fn handle(&mut self) -> Handle {
        // SAFETY: checked in `open`, closed only in `drop`.
        unsafe { *self.inner }
    }

    fn run(&mut self, call: Run, sql: &[u8], format: &str, params: &Params) -> Handle {
        let names: Vec<*const u8> = params.iter().map(|(name, _)| name.as_ptr()).collect();
        let name_lengths: Vec<usize> = params.iter().map(|(name, _)| name.len()).collect();
        let values: Vec<*const u8> = params.iter().map(|(_, value)| value.as_ptr()).collect();
        let value_lengths: Vec<usize> = params.iter().map(|(_, value)| value.len()).collect();
        let (sql_length, format_length) = (sql.len(), format.len());
        // SAFETY: each pointer has its length beside it and outlives the call, which keeps none of them.
        unsafe {
            call(
                self.handle(),
                sql.as_ptr(),
                sql_length,
                format.as_ptr(),
                format_length,
                names.as_ptr(),
                name_lengths.as_ptr(),
                values.as_ptr(),
                value_lengths.as_ptr(),
                params.len(),
            )
        }
    }

    /// Runs a statement; the whole result in memory.
    pub(super) fn query(&mut self, sql: &[u8], format: &str, params: &Params) -> Result<Chunk, EngineError> {
        let raw = self.run(self.api.chdb_query_with_params_n, sql, format, params);
        Chunk::checked(raw, &self.api)
    }

    /// Runs a SELECT; the result comes chunk by chunk.
    pub(super) fn stream(
        &mut self,
        sql: &[u8],
        format: &str,
        params: &Params,
    ) -> Result<Stream<'_>, EngineError> {
        let raw = self.run(self.api.chdb_stream_query_with_params_n, sql, format, params);
        let head = Chunk::checked(raw, &self.api)?;
        Ok(Stream {
            connection: self,
            head,
            done: false,
        })
    }

    /// Begins an insert whose data follow.
    pub(super) fn insert(
        &mut self,
        sql: &[u8],
        format: &str,
        params: &Params,
    ) -> Result<Insert<'_>, EngineError> {
        let raw = self.run(self.api.chdb_stream_insert_with_params_n, sql, format, params);
        if raw.is_null() {
            return Err(EngineError::of("libchdb began no insert".into()));
        }
        let insert = Insert {
            connection: self,
            raw,
            done: false,
        };
        insert.error().map_or(Ok(insert), Err)
    }

    /// Parses a text without running it.
    pub(super) fn classify(&mut self, sql: &[u8]) -> Analysis {
        let size = u32::try_from(size_of::<RawAnalysis>()).expect("16 bytes");
        let mut raw = RawAnalysis {
            struct_size: size,
            query_class: 4,
            ..RawAnalysis::default()
        };
        // SAFETY: text with its length, no database, and an out parameter that says its own size.
        unsafe {
            (self.api.chdb_classify_query_n)(
                self.handle(),
                sql.as_ptr(),
                sql.len(),
                std::ptr::null(),
                0,
                &raw mut raw,
            )
        };
        Analysis {
            statements: raw.statement_count,
            reads: raw.query_class == 0,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the only close; borrows of streams and inserts have ended.
        unsafe { (self.api.chdb_close_conn)(self.inner) }
    }
}

/// A result, or a piece of one, in the engine's own memory.
pub(super) struct Chunk {
    api: Arc<Api>,
    raw: Handle,
}

// SAFETY: a result is a plain buffer that nothing else refers to and that is never changed.
unsafe impl Send for Chunk {}
// SAFETY: as above: all access reads.
unsafe impl Sync for Chunk {}

/// What a statement did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Summary {
    pub(super) read_rows: u64,
    pub(super) read_bytes: u64,
    pub(super) written_rows: u64,
    pub(super) written_bytes: u64,
    pub(super) result_rows: u64,
}

impl Chunk {
    fn checked(raw: Handle, api: &Arc<Api>) -> Result<Self, EngineError> {
        if raw.is_null() {
            return Err(EngineError::of("libchdb gave no result".into()));
        }
        let chunk = Self {
            api: api.clone(),
            raw,
        };
        // SAFETY: a live result; its error is null or a NUL-terminated text that lives as long.
        let error = unsafe {
            (api.chdb_result_error)(raw)
                .as_ref()
                .map(|text| CStr::from_ptr(text))
        };
        match error.filter(|text| !text.is_empty()) {
            Some(text) => Err(EngineError::of(text.to_string_lossy().into_owned())),
            None => Ok(chunk),
        }
    }

    pub(super) fn summary(&self) -> Summary {
        // SAFETY: a live result.
        unsafe {
            Summary {
                read_rows: (self.api.chdb_result_storage_rows_read)(self.raw),
                read_bytes: (self.api.chdb_result_storage_bytes_read)(self.raw),
                written_rows: (self.api.chdb_result_rows_written)(self.raw),
                written_bytes: (self.api.chdb_result_bytes_written)(self.raw),
                result_rows: (self.api.chdb_result_rows_read)(self.raw),
            }
        }
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: a live result; buffer and length belong together and live until the result is destroyed.
        unsafe {
            let (start, length) = (
                (self.api.chdb_result_buffer)(self.raw),
                (self.api.chdb_result_length)(self.raw),
            );
            if start.is_null() || length == 0 {
                &[]
            } else {
                std::slice::from_raw_parts(start, length)
            }
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: the only destruction.
        unsafe { (self.api.chdb_destroy_query_result)(self.raw) }
    }
}

/// A running SELECT; dropping it before its end cancels it.
pub(super) struct Stream<'a> {
    connection: &'a mut Connection,
    head: Chunk,
    done: bool,
}

impl Stream<'_> {
    /// The next chunk, none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>, EngineError> {
        if self.done {
            return Ok(None);
        }
        let handle = self.connection.handle();
        // SAFETY: the connection that the stream belongs to, and the stream's head.
        let raw = unsafe { (self.connection.api.chdb_stream_fetch_result)(handle, self.head.raw) };
        let chunk = Chunk::checked(raw, &self.connection.api).inspect_err(|_| self.done = true)?;
        self.done = chunk.as_ref().is_empty() && chunk.summary().result_rows == 0;
        Ok((!self.done).then_some(chunk))
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        if !self.done {
            let handle = self.connection.handle();
            // SAFETY: as in `next`; the head is destroyed after this.
            unsafe { (self.connection.api.chdb_stream_cancel_query)(handle, self.head.raw) }
        }
    }
}

/// A running insert; dropping it before [`Insert::finish`] cancels it, and the block in hand is not written.
pub(super) struct Insert<'a> {
    connection: &'a mut Connection,
    raw: Handle,
    done: bool,
}

impl Insert<'_> {
    fn error(&self) -> Option<EngineError> {
        // SAFETY: a live insert; its error is null or a NUL-terminated text, copied here.
        let text = unsafe {
            (self.connection.api.chdb_stream_insert_error)(self.raw)
                .as_ref()
                .map(|text| CStr::from_ptr(text))
        };
        text.map(|text| EngineError::of(text.to_string_lossy().into_owned()))
    }

    /// Hands over data; waits while the engine is busy with those before.
    pub(super) fn append(&mut self, data: &[u8]) -> Result<(), EngineError> {
        if data.is_empty() {
            return Ok(());
        }
        // SAFETY: the data are copied before the call returns.
        match unsafe { (self.connection.api.chdb_stream_append)(self.raw, data.as_ptr(), data.len()) } {
            0 => Ok(()),
            _ => Err(self
                .error()
                .unwrap_or_else(|| EngineError::of("the engine took no more data".into()))),
        }
    }

    /// Ends the data; the rows are in the table when this returns.
    pub(super) fn finish(mut self) -> Result<Summary, EngineError> {
        self.done = true;
        // SAFETY: the one end of a live insert.
        let raw = unsafe { (self.connection.api.chdb_stream_done)(self.raw) };
        if raw.is_null() {
            return Err(self
                .error()
                .unwrap_or_else(|| EngineError::of("the insert has no result".into())));
        }
        Chunk::checked(raw, &self.connection.api).map(|result| result.summary())
    }
}

impl Drop for Insert<'_> {
    fn drop(&mut self) {
        // SAFETY: cancelled only where not done; destroyed once.
        unsafe {
            if !self.done {
                (self.connection.api.chdb_stream_cancel_insert)(self.raw);
            }
            (self.connection.api.chdb_destroy_insert_stream)(self.raw);
        }
    }
}

unsafe extern "C" {
    /// POSIX `_exit`.
    fn _exit(status: std::ffi::c_int) -> !;
}

/// Ends the process as done, without the destructors of the engine's static objects: they run beside the engine's own
/// threads and now and then crash.
pub(super) fn leave() -> ! {
    // SAFETY: `_exit` may be called at any time, from any thread.
    unsafe { _exit(0) }
}
