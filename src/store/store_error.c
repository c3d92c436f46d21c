#include "store/output_path.h"

G_DEFINE_QUARK(roomtape - store - error - quark, store_error)
