# Writes mice.json: what R's mice finds where cbec.estimators.imputation does the same. Rscript mice.R
# nhanes itself is mice's (GPL-2 or later) and stays there: of it only fitted coefficients are written. The
# panel is drawn here.
library(mice)
library(jsonlite)

# Pooling: the example of ?pool.
imp <- mice(nhanes, m = 5, maxit = 5, seed = 20150307, printFlag = FALSE)
fit <- with(imp, lm(chl ~ age + bmi))
pooled <- pool(fit)$pooled
terms <- as.character(pooled$term)
by_term <- lapply(seq_along(terms), function(k) list(
  term = terms[k],
  estimates = sapply(fit$analyses, function(one) coef(one)[[k]]),
  variances = sapply(fit$analyses, function(one) vcov(one)[k, k]),
  pooled = as.list(pooled[k, c("estimate", "ubar", "b", "t", "dfcom", "df", "riv", "lambda", "fmi")]),
  p_value = summary(pool(fit))$p.value[k]
))

# Draws: 12 units in 8 years with effects of both, cells of y and x missing at random.
set.seed(20150307)
panel <- expand.grid(year = 1:8, unit = 1:12)
panel$d <- as.numeric(panel$unit <= 6 & panel$year >= 5)
panel$x <- 0.5 * panel$unit + rnorm(96)
panel$y <- panel$unit + 0.3 * panel$year + 2 * panel$d + 1.5 * panel$x + rnorm(96)
panel[c("x", "y")] <- round(panel[c("x", "y")], 6)
panel$y[sample(96, 10)] <- NA
panel$x[sample(96, 8)] <- NA
data <- transform(panel, unit = factor(unit), year = factor(year))

moments <- function(data, missing, m, maxit) {
  imp <- mice(data, m = m, maxit = maxit, method = ifelse(names(data) %in% missing, "norm", ""),
              seed = 20150307, printFlag = FALSE)
  stopifnot(is.null(imp$loggedEvents))
  lapply(imp$imp[missing], function(cells) list(
    row = as.integer(rownames(cells)) - 1L,
    mean = unname(apply(cells, 1, mean)),
    sd = unname(apply(cells, 1, sd))
  ))
}
# In the first, y alone has missing cells: those rows of x leave.
alone <- subset(data, !is.na(x))
kept <- as.integer(rownames(alone)) - 1L
rownames(alone) <- NULL

write_json(list(
  version = paste("R", getRversion(), "mice", packageVersion("mice")),
  nhanes = by_term,
  panel = panel,
  rows_with_x = kept,
  m = 2000,
  y_alone = moments(alone, "y", 2000, 1),
  both = moments(data, c("y", "x"), 2000, 20)
), "mice.json", auto_unbox = TRUE, digits = I(10), na = "null")
